/** What a config must fulfil beyond each key alone. */
import { maxCount } from './fields.js'
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
  const wrong = permutation === null ? undefined : permutationFault(permutation, attn_length)
  if (wrong !== undefined) problems.push({ path: ['training_params', 'permutation'], message: wrong })
  return problems
}

function permutationFault(permutation: readonly number[], attnLength: number): string | undefined {
  const wanted = `it must list 0 to ${attnLength - 1} (attn_length ${attnLength}), each once`
  if (permutation.length !== attnLength) return `has ${permutation.length} entries; ${wanted}`
  const seen = new Set<number>()
  for (const place of permutation) {
    if (place >= attnLength) return `holds ${place}; ${wanted}`
    if (seen.has(place)) return `holds ${place} twice; ${wanted}`
    seen.add(place)
  }
  return undefined
}
