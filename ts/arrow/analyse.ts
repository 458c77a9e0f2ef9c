/**
 * From what runs wrote to the result of their comparison. Nothing in it depends on when it is made: a comparison that was
 * broken off and taken up again gives the same, byte for byte.
 */
import { packageVersion } from '../cli/version.js'
import { intervalAt, mean, pairsOf, type SeedPair, validAt } from './losses.js'
import type { RunRecord, ValidRecord } from './read_run.js'
import { spread } from './seeds.js'
import type {
  ArrowPoint,
  ArrowResult,
  Difference,
  DirectionName,
  KnownLanguage,
  RunCurve,
  SeedResult,
  Sources,
} from './types.js'
import { isEstablished, verdictOf } from './verdict.js'

export interface AnalyseOptions {
  name: string
  /** What a cell of a grid sets; {} where there is no grid. */
  cell: ArrowResult['cell']
  /** Of one comparison, as groupRuns() gives them, in any order; some may be missing or still be trained. */
  runs: readonly RunRecord[]
  /** How many runs there are to be in the end; default: these. */
  planned?: number | undefined
  sources: Sources | null
  known: KnownLanguage | null
}

/** Validations that all runs of the pairs have made, first to last. */
function sharedSteps(pairs: readonly SeedPair[]): number[] {
  const [first, ...others] = pairs.flatMap((pair) => [pair.first, pair.second])
  const steps = first?.valid.map(({ step }) => step) ?? []
  return steps.filter((step) => others.every((run) => validAt(run, step) !== undefined))
}

/** The seeds that count: those whose pairs are at their end; before there is one, all that have a validation in common. */
function countedPairs(runs: readonly RunRecord[]): SeedPair[] {
  const pairs = pairsOf(runs, 'forward', 'backward').filter((pair) => sharedSteps([pair]).length > 0)
  const over = pairs.filter(({ first, second }) => first.finished && second.finished)
  return over.length > 0 ? over : pairs
}

function ratios(first: number, second: number) {
  return { ratio: second / first - 1, relative: (second - first) / ((first + second) / 2) }
}

function allKnown(values: readonly (number | null | undefined)[]): number[] | null {
  const known = values.filter((value) => value !== null && value !== undefined)
  return known.length === values.length ? known : null
}

/** Validations of the two sides of pairs at a step that they share. */
function sides(pairs: readonly SeedPair[], step: number): { first: ValidRecord[]; second: ValidRecord[] } {
  const of = (side: 'first' | 'second') => pairs.flatMap((pair) => validAt(pair[side], step) ?? [])
  return { first: of('first'), second: of('second') }
}

function lossOf(records: readonly ValidRecord[]): number {
  return mean(records.map(({ loss }) => loss))
}

function meanByPosition(records: readonly ValidRecord[]): number[] {
  const [first] = records
  return first?.lossByPosition.map((_, i) => mean(records.map((record) => record.lossByPosition[i] as number))) ?? []
}

function pointAt(pairs: readonly SeedPair[], step: number): ArrowPoint {
  const { first, second } = sides(pairs, step)
  const [fw, bw] = [lossOf(first), lossOf(second)]
  return { step, fw, bw, difference: bw - fw, ratio: bw / fw - 1, interval: intervalAt(pairs, step) }
}

function meanBits(records: readonly ValidRecord[]): number | null {
  const bits = allKnown(records.map(({ bitsPerByte }) => bitsPerByte))
  return bits === null ? null : mean(bits)
}

/** The second direction of the pairs beside the first. */
function differenceAt(pairs: readonly SeedPair[], step: number): Difference {
  const { first, second } = sides(pairs, step)
  const [one, other] = [lossOf(first), lossOf(second)]
  const [bits, otherBits] = [meanBits(first), meanBits(second)]
  return {
    difference: other - one,
    interval: intervalAt(pairs, step),
    ...ratios(one, other),
    bits_per_byte: bits === null || otherBits === null ? null : otherBits - bits,
    seed_spread: spread(second.map(({ loss }, i) => loss - (first[i] as ValidRecord).loss)),
  }
}

/** Pairs of forward with a further direction, as far as they have made the validation at the step. */
function furtherPairs(
  runs: readonly RunRecord[],
  counted: readonly SeedPair[],
  direction: DirectionName,
  step: number,
) {
  const pairs = pairsOf(runs, 'forward', direction)
  return pairs.filter(({ seed, second }) => counted.some((pair) => pair.seed === seed) && validAt(second, step))
}

function seedAt(runs: readonly RunRecord[], pair: SeedPair, directions: readonly DirectionName[], step: number) {
  const result: SeedResult = {
    seed: pair.seed,
    losses: {},
    bits_per_byte: {},
    difference: pointAt([pair], step).difference,
    interval: intervalAt([pair], step),
  }
  for (const direction of directions) {
    const run = runs.find((one) => one.direction === direction && one.seed === pair.seed)
    const valid = run && validAt(run, step)
    if (valid === undefined) continue
    result.losses[direction] = valid.loss
    result.bits_per_byte[direction] = valid.bitsPerByte
  }
  return result
}

/** Forward and backward first, the others in the order of the runs. */
function directionsOf(runs: readonly RunRecord[]): DirectionName[] {
  return [...new Set(['forward', 'backward', ...runs.map(({ direction }) => direction)])]
}

function inOrder(runs: readonly RunRecord[]): RunRecord[] {
  const directions = directionsOf(runs)
  const place = ({ direction }: RunRecord) => directions.indexOf(direction)
  return [...runs].sort((a, b) => a.seed - b.seed || place(a) - place(b))
}

/**
 * What the runs say, at the last validation that all of those that count have made. null when forward and backward of no
 * seed have a validation in common.
 */
export function analyse({
  name,
  cell,
  runs: given,
  planned = given.length,
  sources,
  known,
}: AnalyseOptions): ArrowResult | null {
  const runs = inOrder(given)
  const pairs = countedPairs(runs)
  const steps = sharedSteps(pairs)
  const step = steps.at(-1)
  const forward = pairs[0]?.first
  if (step === undefined || forward === undefined) return null
  const further = directionsOf(given)
    .slice(2)
    .map((direction) => ({ direction, pairs: furtherPairs(runs, pairs, direction, step) }))
    .filter(({ pairs }) => pairs.length > 0)
  const directions = ['forward', 'backward', ...further.map(({ direction }) => direction)]
  const { first, second } = sides(pairs, step)
  const valid: Record<DirectionName, ValidRecord[]> = { forward: first, backward: second }
  for (const other of further) valid[other.direction] = sides(other.pairs, step).second
  const of = <Value>(make: (records: ValidRecord[]) => Value): Record<DirectionName, Value> =>
    Object.fromEntries(directions.map((direction) => [direction, make(valid[direction] as ValidRecord[])]))

  const main = differenceAt(pairs, step)
  const [fw, bw] = [lossOf(first), lossOf(second)]
  const [fwBits, bwBits] = [meanBits(first), meanBits(second)]
  const finished = runs.length >= planned && runs.every((run) => run.finished)
  const { difference, interval } = main
  const judged = { seeds: pairs.length, difference, interval, soFar: finished ? null : step }
  const { config, parameters, dataset, windows, run } = forward
  return {
    format: 'arrows-of-time arrow 1',
    name,
    cell,
    finished,
    established: isEstablished(judged),
    verdict: verdictOf(judged),
    fw,
    bw,
    ...{ difference, interval, ratio: main.ratio, relative: main.relative },
    bits_per_byte: fwBits === null || bwBits === null ? null : { fw: fwBits, bw: bwBits, difference: bwBits - fwBits },
    seeds: pairs.map((pair) => seedAt(runs, pair, directions, step)),
    seed_spread: main.seed_spread,
    directions,
    losses: of(lossOf),
    others: Object.fromEntries(further.map(({ direction, pairs }) => [direction, differenceAt(pairs, step)])),
    by_position: of(meanByPosition),
    curves: runs.map(curveOf),
    training: steps.map((one) => pointAt(pairs, one)),
    sources,
    known,
    model: { kind: config.model, parameters, attn_length: config.model_params.attn_length },
    data: {
      path: config.training_params.dataset_folder,
      tokens: dataset?.tokens ?? null,
      windows: windows?.windows.length ?? config.training_params.valid_steps * run.validBatchSize,
    },
    version: packageVersion(),
    runs: runs.map(({ direction, seed, folder, step, config }) => ({ direction, seed, folder, step, config })),
  }
}

function curveOf({ direction, seed, train, valid }: RunRecord): RunCurve {
  return { direction, seed, train, valid: valid.map(({ step, loss }) => [step, loss]) }
}
