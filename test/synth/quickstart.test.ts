/** The configs of the quickstart are pairs of one model and one budget. */
import test from 'ava'
import { type LoadedConfig, loadConfigFile } from '../../ts/config/load.js'

test('primes and control differ in the language alone', (t) => {
  const [primes, control] = (['primes', 'control'] as const).map((name) =>
    loadConfigFile(`configs/quickstart/${name}.json`),
  ) as [LoadedConfig, LoadedConfig]
  for (const { notes } of [primes, control]) t.deepEqual(notes, [])
  const { synth, model_params, training_params, optim_params } = primes.config
  const other = control.config
  t.deepEqual(other.optim_params, optim_params)
  t.deepEqual(other.model_params, { ...model_params, vocab_size: 13 } as typeof other.model_params)
  t.deepEqual(other.training_params, {
    ...training_params,
    dataset_folder: 'quickstart/control',
    tokenizer_path: 'quickstart/control/tokenizer',
  } as typeof other.training_params)
  t.deepEqual([synth?.language, other.synth?.language], ['primes', 'reversible'])
  // No example of the control is seen twice.
  const { batch_size, steps_to_train } = other.training_params
  t.is(other.synth?.train, batch_size * (steps_to_train as number))
})
