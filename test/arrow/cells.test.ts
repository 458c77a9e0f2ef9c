import test from 'ava'
import { parseGrid } from '../../ts/arrow/cells.js'

test('without a grid there is one cell, which sets nothing', (t) => {
  t.deepEqual(parseGrid([]), [{ name: '', values: {}, overrides: [] }])
})

test('the cells are all combinations, the last key the fastest', (t) => {
  const cells = parseGrid(['attn_length=16,32', 'model=gpt,gru'])
  t.deepEqual(
    cells.map(({ name }) => name),
    ['attn_length=16,model=gpt', 'attn_length=16,model=gru', 'attn_length=32,model=gpt', 'attn_length=32,model=gru'],
  )
  t.deepEqual(cells[3]?.values, { attn_length: 32, model: 'gru' })
  t.deepEqual(
    cells[3]?.overrides.map(({ section, name, value }) => [section, name, value]),
    [
      ['model_params', 'attn_length', 32],
      ['', 'model', 'gru'],
    ],
  )
})

test('dotted keys and values of every kind', (t) => {
  t.deepEqual(parseGrid(['optim_params.lr=1e-3,2e-3'])[1]?.values, { lr: 0.002 })
  t.deepEqual(parseGrid(['stride=null,7'])[0]?.values, { stride: null })
  t.deepEqual(parseGrid(['fast_scrambling=true,false'])[1]?.values, { fast_scrambling: false })
})

const wrong: Record<string, [string[], RegExp]> = {
  'no value': [['attn_length'], /--grid attn_length: must be key=value,value/],
  'an empty value': [['attn_length=16,,32'], /a value is empty/],
  'a value twice': [['attn_length=16,16'], /16 is there twice/],
  'a key twice': [['attn_length=16,32', 'model_params.attn_length=64'], /attn_length has a --grid already/],
  'an unknown key': [['atn_length=16'], /--grid atn_length=16: unknown key atn_length; did you mean attn_length/],
  'a section': [['model_params=1'], /--grid model_params=1: model_params is a section/],
  'too many cells': [
    [`seed=${Array.from({ length: 200 }, (_, i) => i)}`, `batch_size=${Array.from({ length: 200 }, (_, i) => i + 1)}`],
    /more than 10000 cells/,
  ],
}

for (const [what, [grid, message]] of Object.entries(wrong)) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => parseGrid(grid), { code: 'AOT_CONFIG', message })
  })
}
