/** configs/config.schema.json as an editor uses it: VS Code's own library for JSON. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import vscode from 'vscode-json-languageservice'
import { paperConfigs } from '../../ts/config/paper.js'
import { configText } from './configs.js'

const { getLanguageService, TextDocument } = vscode
const service = getLanguageService({})
const uri = 'file:///config.schema.json'
const schema = JSON.parse(readFileSync('configs/config.schema.json', 'utf8'))
service.configure({ validate: true, schemas: [{ uri, fileMatch: ['*.json'], schema }] })

function open(text: string) {
  const document = TextDocument.create('file:///some.json', 'json', 1, text)
  return { document, json: service.parseJSONDocument(document) }
}

/** What an editor underlines: the marked text and the message. */
async function marks(text: string): Promise<string[]> {
  const { document, json } = open(text)
  const found = await service.doValidation(document, json)
  return found.map(({ range, message }) => `${document.getText(range)}: ${message}`)
}

/** The keys that an editor offers at the mark ^. */
async function offers(text: string): Promise<string[]> {
  const { document, json } = open(text.replace('^', ''))
  const list = await service.doComplete(document, document.positionAt(text.indexOf('^')), json)
  return (list?.items ?? []).map(({ label }) => label).sort()
}

const rnn = { n_heads: undefined, n_layers: undefined }
const rnnKeys = ['attn_length', 'dropout', 'embd_dropout', 'embed_dim', 'n_layers', 'vocab_size']

test('a right config of each model has no marks', async (t) => {
  t.deepEqual(await marks(configText()), [])
  t.deepEqual(await marks(configText({ model: 'gpt' })), [])
  for (const model of ['gru', 'lstm']) t.deepEqual(await marks(configText({ model, model_params: rnn })), [])
})

test('what the model does not have is marked', async (t) => {
  t.deepEqual(await marks(configText({ model: 'gru', model_params: { n_layers: undefined } })), [
    '"n_heads": Property n_heads is not allowed.',
  ])
  t.deepEqual(await marks(configText({ model_params: rnn })), [
    '"model_params": Missing property "n_layers".',
    '"model_params": Missing property "n_heads".',
  ])
  t.deepEqual(await marks(configText({ model: 'rnn', model_params: rnn })), [
    '"rnn": Value is not accepted. Valid values: "gpt", "gru", "lstm".',
  ])
  t.deepEqual(await marks(configText({ modle: 'gru' })), ['"modle": Property modle is not allowed.'])
})

test('older names are struck through, not wrong', async (t) => {
  const text = configText({
    model_params: { attn_length: undefined, desired_attn_length: 8 },
    training_params: { state_save_loc: 'runs' },
  })
  t.deepEqual(await marks(text), [
    '"desired_attn_length":8: Older name of attn_length.',
    '"state_save_loc":"runs": Older name of save_loc.',
  ])
})

test('the keys of the model are offered', async (t) => {
  t.deepEqual(await offers('{ "model": "lstm", "model_params": { ^ } }'), rnnKeys)
  const gptKeys = [...rnnKeys, 'mlp_ratio', 'n_heads'].sort()
  t.deepEqual(await offers('{ "model_params": { ^ } }'), gptKeys)
  t.true((await offers('{ "model_params": {}, ^ }')).includes('training_params'))
  t.deepEqual(await offers('{ "model": ^ }'), ['"gpt"', '"gru"', '"lstm"'])
})

test("the paper's configs have no marks", async (t) => {
  for (const [path, { $schema = '', ...config }] of paperConfigs()) {
    t.is(join('configs/paper', dirname(path), $schema), 'configs/config.schema.json')
    t.deepEqual(await marks(JSON.stringify(config)), [])
  }
})
