/** What is published beside the schema in the code agrees with it: the JSON schema, the blueprint, the documentation. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { configJsonSchema } from '../../ts/config/json_schema.js'
import { configKeys, fullName } from '../../ts/config/keys.js'
import { loadConfigFile } from '../../ts/config/load.js'
import { permutationNames } from '../../ts/data/permutations.js'
import { Engine } from '../../ts/index.js'

test('configs/config.schema.json is what bin/write-schema.js writes', (t) => {
  t.is(readFileSync('configs/config.schema.json', 'utf8'), configJsonSchema())
})

test('the limits of model_params are those of the engine', async (t) => {
  const { properties } = JSON.parse(configJsonSchema()).properties.model_params
  const modelParams = { vocab_size: 9, n_layers: 1, n_heads: 1, embed_dim: 4, attn_length: 4 }
  for (const key of [...Object.keys(modelParams), 'mlp_ratio']) {
    const { maximum } = properties[key] as { maximum: number }
    await t.throwsAsync(Engine.create({ modelParams: { ...modelParams, [key]: maximum + 1 } }), {
      code: 'AOT_CONFIG',
      message: new RegExp(
        `^model_params\\.${key} must be (a whole number )?from \\d to ${maximum}, not ${maximum + 1}$`,
      ),
    })
  }
})

test('configs/blueprint.json is right and shows every key of the current schedule', (t) => {
  const { given, notes } = loadConfigFile('configs/blueprint.json')
  t.deepEqual(notes, [])
  const older = ['oscil_steps', 'lr_shrink', 'lr_init', 'lr_min'].map((key) => `optim_params.${key}`)
  const names = configKeys.map(fullName).filter((name) => !older.includes(name))
  t.deepEqual([...given].sort(), names.sort())
})

/** Rows of the tables of keys: the section's heading, the key and its default as JSON (undefined: none). */
function documentedKeys(text: string): Map<string, unknown> {
  const rows = new Map<string, unknown>()
  let section = ''
  for (const line of text.split('\n')) {
    const heading = /^## (?:`(\w+)`)?/.exec(line)
    if (heading !== null) section = heading[1] ?? ''
    const [, name, cells] = /^\| `([\w$]+)` \| [^|]+ \|([^|]*)\| [^|]+ \|$/.exec(line) ?? []
    if (name === undefined || cells === undefined) continue
    const value = cells.trim().replaceAll('`', '')
    rows.set(fullName({ section, name }), value === '' ? undefined : JSON.parse(value))
  }
  return rows
}

test('docs/configuration.md lists every key with its default', (t) => {
  const documented = documentedKeys(readFileSync('docs/configuration.md', 'utf8'))
  t.deepEqual([...documented.keys()], configKeys.map(fullName))
  for (const key of configKeys) {
    const byDefault = key.schema.safeParse(undefined)
    t.deepEqual(documented.get(fullName(key)), byDefault.success ? byDefault.data : undefined, fullName(key))
  }
})

test('docs/configuration.md names every order', (t) => {
  const text = readFileSync('docs/configuration.md', 'utf8')
  for (const name of permutationNames) t.regex(text, new RegExp(`\`${name}[\`(]`))
})
