/** What a config must fulfil beyond each key alone. */
import { AotError } from '../errors.js'
import { maxCount } from './fields.js'
import { permutationList } from './permutation.js'
import type { Problem } from './problems.js'
import type { Config } from './schema.js'

/** Problems of a config that fits the schema. */
export function checkConfig(config: Config): Problem[] {
  const problems: Problem[] = config.model === 'gpt' ? checkGpt(config.model_params) : []
  const { permutation } = config.training_params
  try {
    if (permutation !== null) permutationList(permutation, config.model_params.attn_length)
  } catch (error) {
    if (!(error instanceof AotError)) throw error
    problems.push({ path: ['training_params', 'permutation'], message: error.message })
  }
  return problems
}

type GptParams = Extract<Config, { model: 'gpt' }>['model_params']

function checkGpt({ n_heads, embed_dim, mlp_ratio }: GptParams): Problem[] {
  const problems: Problem[] = []
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
  return problems
}
