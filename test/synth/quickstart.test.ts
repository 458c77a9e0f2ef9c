/** The configs of the quickstart are pairs of one model and one budget. */
import test from 'ava'
import { loadConfigFile } from '../../ts/config/load.js'

const load = (name: string) => loadConfigFile(`configs/quickstart/${name}.json`)

test('primes and control differ in the language alone', (t) => {
  const { config: primes, notes } = load('primes')
  const { config: control, notes: more } = load('control')
  t.deepEqual([...notes, ...more], [])
  t.deepEqual([primes.synth?.language, control.synth?.language], ['primes', 'reversible'])
  t.deepEqual(control, {
    ...primes,
    synth: control.synth,
    training_params: {
      ...primes.training_params,
      dataset_folder: 'quickstart/control',
      tokenizer_path: 'quickstart/control/tokenizer',
    },
  } as typeof control)
})

test('no example of the control is seen twice', (t) => {
  const { synth, training_params } = load('control').config
  t.is(synth?.train, training_params.batch_size * (training_params.steps_to_train as number))
})
