/** A small config that is right, for tests to change. */
import type { ConfigInput } from '../../ts/config/types.js'

/** New each time, so that a test may write into it. */
export function smallConfig(): ConfigInput & { training_params: { backwards: boolean } } {
  return {
    model_params: { vocab_size: 300, n_layers: 2, n_heads: 4, embed_dim: 16, attn_length: 8 },
    training_params: { dataset_folder: 'text_h5/text.h5', batch_size: 4, backwards: false },
    optim_params: { lr: 0.001, warmup_steps: 10 },
  }
}

/** The small config with some keys of its sections replaced; undefined takes a key away. */
export function configText(changes: { [section: string]: unknown } = {}): string {
  const config: { [key: string]: unknown } = smallConfig()
  for (const [name, change] of Object.entries(changes)) {
    const isSection = typeof change === 'object' && change !== null && typeof config[name] === 'object'
    config[name] = isSection ? { ...(config[name] as object), ...change } : change
  }
  return JSON.stringify(config)
}
