/** The named orders as the paper's experiment used them; those with a seed as Python 3.11's `random` gives them. */
import type { PermutationOptions } from '../../ts/data/permutations.js'

export interface NamedOrder {
  name: string
  options: PermutationOptions
  /** As a config writes it. */
  written: string
  /** Of 8 tokens. */
  eight: string
  /** The digest (helpers.ts) of that of 256. */
  digest256: string
}

const plain = (name: string, eight: string, digest256: string): NamedOrder => {
  return { name, options: {}, written: name, eight, digest256 }
}
const uniform = (seed: number, eight: string, digest256: string): NamedOrder => {
  return { name: 'uniform_random', options: { seed }, written: `uniform_random(${seed})`, eight, digest256 }
}
const chunks = (seed: number, size: number, digest256: string): NamedOrder => {
  const written = `random_chunk(${seed}, ${size})`
  return { name: 'random_chunk', options: { seed, size }, written, eight: '0 1 2 3 4 5 6 7', digest256 }
}

export const namedOrders: NamedOrder[] = [
  plain('forward', '0 1 2 3 4 5 6 7', 'd7c55fa0323a2b2c'),
  plain('backward', '7 6 5 4 3 2 1 0', '5f5e4d1d4656f3fc'),
  plain('middle_out', '4 3 5 2 6 1 7 0', '20dbde0aa23c457f'),
  plain('end_in', '0 7 1 6 2 5 3 4', '20056062882230cf'),
  plain('even_odd', '0 2 4 6 1 3 5 7', '7ec499f2e33f1e32'),
  plain('odd_even', '1 3 5 7 0 2 4 6', 'bf09f5993ac6f80f'),
  plain('half_back_forward', '3 2 1 0 4 5 6 7', '1266f2ff7fd73338'),
  plain('half_forward_back', '0 1 2 3 7 6 5 4', '42ddd0c43b744dc7'),
  plain('quarter_middle_out_interleave', '2 6 1 5 3 7 0 4', '6a16a366a5005b80'),
  plain('quarter_middle_out_concat', '2 1 3 0 6 5 7 4', '39a8df01c81bb2d5'),
  plain('quarter_end_in_interleave', '0 4 3 7 1 5 2 6', 'a4cbd9ccfd6020b7'),
  plain('quarter_end_in_concat', '0 3 1 2 4 7 5 6', 'd4b9352a2aefd0d6'),
  uniform(0, '6 7 3 0 2 5 1 4', '5d4a619ae8fa99d3'),
  uniform(1, '2 4 0 7 5 1 6 3', '20c447e1a8ec2992'),
  uniform(2, '0 7 6 2 1 4 3 5', 'aff095199cbcc9af'),
  uniform(3, '3 4 6 1 2 7 5 0', '3583602195acc355'),
  uniform(4, '3 2 0 7 4 5 6 1', '2427c2ec0788e790'),
  uniform(5, '4 5 2 7 0 1 3 6', '30d3f7452b6cb40b'),
  uniform(10, '0 3 6 4 7 5 1 2', 'a65c91ebb05a5554'),
  uniform(15, '3 0 4 6 1 5 2 7', '80dcf3706e0b9b69'),
  chunks(0, 8, '2bcb315ebc57bf0c'),
  chunks(1, 4, 'ca351caae12c116d'),
  chunks(2, 4, '5669c48d040c7358'),
  chunks(5, 8, 'd423601c94b05ecd'),
]
