import test from 'ava'
import { directionOverrides, fileNamePart, parseDirections } from '../../ts/arrow/directions.js'

test('forward and backward come first, whatever the order', (t) => {
  t.deepEqual(parseDirections(undefined), ['forward', 'backward'])
  t.deepEqual(parseDirections('random_chunk(3,16), backward,middle_out,forward'), [
    'forward',
    'backward',
    'random_chunk(3,16)',
    'middle_out',
  ])
})

test('refused: a direction of the pair missing, one twice, an empty one', (t) => {
  t.throws(() => parseDirections('forward,middle_out'), { code: 'AOT_CONFIG', message: /backward is missing/ })
  t.throws(() => parseDirections('forward,backward,forward'), { message: /forward is there twice/ })
  t.throws(() => parseDirections('forward,backward,'), { message: /a name is empty/ })
})

test('what a config says for each', (t) => {
  const values = (name: string) => Object.fromEntries(directionOverrides(name).map(({ name, value }) => [name, value]))
  t.deepEqual(values('forward'), { backwards: false, permutation: null })
  t.deepEqual(values('backward'), { backwards: true, permutation: null })
  t.deepEqual(values('uniform_random(3)'), { backwards: false, permutation: 'uniform_random(3)' })
})

test('names of folders', (t) => {
  t.is(fileNamePart('uniform_random(3)'), 'uniform_random-3')
  t.is(fileNamePart('attn_length=16,model=gru'), 'attn_length=16,model=gru')
  t.is(fileNamePart('dataset_folder=data/en.h5'), 'dataset_folder=data-en.h5')
})
