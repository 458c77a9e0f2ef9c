import test from 'ava'
import type { ResolvedConfig } from '../../ts/config/types.js'
import { cellOf } from '../../ts/report/names.js'

/** A run of a grid's cell whose config has these values. */
function runOf(folder: string, model: string, dataset_folder: string, attn_length = 16) {
  const config = {
    model,
    model_params: { attn_length },
    training_params: { dataset_folder },
    optim_params: { lr: 0.01 },
  }
  return { folder: `runs/grid/${folder}/seed-0-forward`, config: config as unknown as ResolvedConfig }
}

test('the folder of a cell gives its values back as the config has them', (t) => {
  t.deepEqual(cellOf([runOf('attn_length=16,model=gru', 'gru', 'text.h5')]), { attn_length: 16, model: 'gru' })
  // What no folder can be called is a dash there, and nothing at its ends.
  t.deepEqual(cellOf([runOf('model=gru,dataset_folder=my-texts', 'gru', 'my texts/')]), {
    model: 'gru',
    dataset_folder: 'my texts/',
  })
  t.deepEqual(cellOf([runOf('dataset_folder=texts-,lr=0.01', 'gru', 'texts/')]), { dataset_folder: 'texts/', lr: 0.01 })
})

test('other folders, and other values than the config has, are no cell', (t) => {
  for (const folder of ['primes', 'attn_length=16,model=gpt', 'attn_length', 'none=1']) {
    t.deepEqual(cellOf([runOf(folder, 'gru', 'text.h5')]), {}, folder)
  }
  t.deepEqual(cellOf([]), {})
})
