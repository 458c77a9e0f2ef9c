/** What a config must fulfil beyond each key alone. */
import { AotError } from '../errors.js'
import { maxCount } from './fields.js'
import { permutationList } from './permutation.js'
import type { Problem } from './problems.js'
import type { Config } from './schema.js'

/** Problems of a config that fits the schema. */
export function checkConfig(config: Config): Problem[] {
  const problems: Problem[] = []
  const { n_heads, embed_dim, mlp_ratio, attn_length } = config.model_params
  if (embed_dim % n_heads !== 0) {
    problems.push({ path: ['model_params', 'n_heads'], message: `${n_heads} does not divide embed_dim ${embed_dim}` })
  }
  const hidden = Math.trunc(embed_dim * mlp_ratio)
  if (hidden < 1 || hidden > maxCount) {
    problems.push({
      path: ['model_params', 'mlp_ratio'],
      message: `${mlp_ratio} times embed_dim ${embed_dim} is ${hidden}, which is no width for an MLP`,
    })
  }
  const { permutation } = config.training_params
  try {
    if (permutation !== null) permutationList(permutation, attn_length)
  } catch (error) {
    if (!(error instanceof AotError)) throw error
    problems.push({ path: ['training_params', 'permutation'], message: error.message })
  }
  return problems
}
