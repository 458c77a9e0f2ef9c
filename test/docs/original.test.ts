/** docs/original.md: no row is empty, every test that it names is there, every config key has its row. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'

const rows = readFileSync(join(packageRoot, 'docs/original.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|---') && !line.startsWith('| the original'))
  .map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )

test('every row says what it is here, and names a test that is there', (t) => {
  t.true(rows.length > 50)
  for (const row of rows) {
    t.is(row.length, 3, row.join(' | '))
    t.true(
      row.every((cell) => cell !== ''),
      row.join(' | '),
    )
    const named = /^`(test\/[\w/]+\.test\.ts)`$/.exec(row[2] as string)?.[1]
    t.truthy(named, `"${row[2]}" names no test`)
    t.true(existsSync(join(packageRoot, named as string)), `${named} is not there`)
  }
})

test("every key of the original's README and of its first generation has a row", (t) => {
  const keys = [
    ...['vocab_size', 'n_layers', 'n_heads', 'embed_dim', 'attn_length', 'mlp_ratio', 'dropout', 'embd_dropout'],
    ...['dataset_folder', 'tokenizer_path', 'batch_size', 'aggregate', 'backwards', 'permutation', 'steps_to_train'],
    ...['save_every', 'backup_every', 'step_log', 'valid_steps', 'val_batch_size', 'save_loc', 'fast_scrambling'],
    ...['cooldown_finish', 'lr', 'warmup_steps', 'oscil_steps', 'lr_shrink', 'lr_init', 'lr_min'],
    ...['desired_attn_length', 'state_save_loc'],
    ...['--device', '--project_name', '--run_name', '--no_step_pickup', '--cooldown_now', '--help'],
  ]
  const first = rows.map(([original]) => original as string)
  t.deepEqual(
    keys.filter((key) => !first.some((cell) => cell.includes(`\`${key}\``))),
    [],
  )
})
