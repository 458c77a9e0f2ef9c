/** What is published beside the schema in the code agrees with it: the JSON schema, the blueprint, the documentation. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { configJsonSchema } from '../../ts/config/json_schema.js'
import { configKeys, fullName, keysOf } from '../../ts/config/keys.js'
import { loadConfigFile } from '../../ts/config/load.js'
import { type Model, models } from '../../ts/config/schema.js'
import { permutationNames } from '../../ts/data/permutations.js'
import { Engine, type EngineOptions } from '../../ts/index.js'

test('configs/config.schema.json is what bin/write-schema.js writes', (t) => {
  t.is(readFileSync('configs/config.schema.json', 'utf8'), configJsonSchema())
})

/** What the JSON schema says of model_params, by model. */
function modelParamsOf(model: Model): { [key: string]: { maximum: number } } {
  const { allOf } = JSON.parse(configJsonSchema())
  const branch = allOf.find(
    (one: { if: { properties: { model: { const: string } } } }) => one.if.properties.model.const === model,
  )
  return branch.then.properties.model_params.properties
}

const smallest = { vocab_size: 9, n_layers: 1, embed_dim: 4, attn_length: 4 }

for (const model of models) {
  test(`the limits of model_params are those of the engine: ${model}`, async (t) => {
    const properties = modelParamsOf(model)
    const modelParams = model === 'gpt' ? { ...smallest, n_heads: 1 } : smallest
    for (const key of [...Object.keys(modelParams), ...(model === 'gpt' ? ['mlp_ratio'] : [])]) {
      const { maximum } = properties[key] as { maximum: number }
      const options = { model, modelParams: { ...modelParams, [key]: maximum + 1 } } as EngineOptions
      await t.throwsAsync(Engine.create(options), {
        code: 'AOT_CONFIG',
        message: new RegExp(
          `^model_params\\.${key} must be (a whole number )?from \\d to ${maximum}, not ${maximum + 1}$`,
        ),
      })
    }
  })
}

test('configs/blueprint.json is right and shows every key for a text and the current schedule', (t) => {
  const { given, notes } = loadConfigFile('configs/blueprint.json')
  t.deepEqual(notes, [])
  const older = ['oscil_steps', 'lr_shrink', 'lr_init', 'lr_min'].map((key) => `optim_params.${key}`)
  const names = configKeys.map(fullName).filter((name) => !older.includes(name) && !name.startsWith('synth.'))
  t.deepEqual([...given].sort(), names.sort())
})

/** Rows of the tables of keys: the model, or '' where all have it, the section, the key and its default as JSON. */
function documentedKeys(text: string): { models: string; name: string; byDefault: unknown }[] {
  const rows = []
  let [section, of] = ['', '']
  for (const line of text.split('\n')) {
    const heading = /^## (?:`(\w+)`)?(?: of (.+))?/.exec(line)
    if (heading !== null) [section, of] = [heading[1] ?? '', heading[2] ?? '']
    const [, name, cells] = /^\| `([\w$]+)` \| [^|]+ \|([^|]*)\| [^|]+ \|$/.exec(line) ?? []
    if (name === undefined || cells === undefined) continue
    const value = cells.trim().replaceAll('`', '')
    rows.push({
      models: of,
      name: fullName({ section, name }),
      byDefault: value === '' ? undefined : JSON.parse(value),
    })
  }
  return rows
}

test('docs/configuration.md lists every key with its default', (t) => {
  const documented = documentedKeys(readFileSync('docs/configuration.md', 'utf8'))
  for (const model of models) {
    const rows = documented.filter((row) => row.models === '' || row.models.includes(`\`${model}\``))
    t.deepEqual(
      rows.map(({ name, byDefault }) => [name, byDefault]),
      keysOf(model).map((key) => {
        const { success, data } = key.schema.safeParse(undefined)
        // The loader fills in the first model.
        return [fullName(key), key.name === 'model' ? 'gpt' : success ? data : undefined]
      }),
    )
  }
})

test('docs/configuration.md names every order', (t) => {
  const text = readFileSync('docs/configuration.md', 'utf8')
  for (const name of permutationNames) t.regex(text, new RegExp(`\`${name}[\`(]`))
})
