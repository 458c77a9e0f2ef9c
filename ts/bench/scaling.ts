/**
 * What a step takes on several devices that share a batch: computing, the exchange of gradients as far as it does not hide
 * behind the backward pass, and the optimizer. Arithmetic alone; docs/scaling.md tells the model.
 */
import type { Link } from './links.js'
import type { ModelShape } from './shapes.js'

/** A training step on one device. Seconds of a minibatch; of the optimizer, of a step. */
export interface DeviceStep {
  /** The forward pass, and whatever else there is that no exchange can hide behind. */
  forward: number
  /** The backward pass in its order: after each of these some gradients are final. */
  backward: readonly number[]
  optimizer: number
  /** Sequences of a minibatch. */
  batch: number
  /** Threads that take sequences each; 1 where the device takes all of its share together. */
  lanes: number
  /** Sequences of a pass that a lane takes at most. */
  slice: number
}

/** Elements of the gradients that become final with one turn of the backward pass. */
export interface Span {
  elements: number
  turn: number
}

/** Gradients that are exchanged together, once the turn is over. */
export type Bucket = Span

export interface Group {
  /** In the order of exchange. */
  buckets: readonly Bucket[]
  link: Link
  /** Minibatches of an optimizer step, of which only the last one's backward pass can hide an exchange. */
  aggregate: number
}

/** strong: the batch is shared among the devices; weak: each device has a batch as large. */
export type Mode = 'strong' | 'weak'

export interface Scaled {
  devices: number
  /** Sequences of a minibatch on the device that has most. */
  sequences: number
  compute: number
  /** Bytes that each device sends, and receives. */
  bytes: number
  /** Seconds of the exchange, and of that what the backward pass does not hide. */
  exchange: number
  exposed: number
  optimizer: number
  step: number
  tokensPerSecond: number
  /** Of the devices' time: 1 when all of it makes tokens as a single device would. */
  efficiency: number
}

const round = (elements: number, to: number) => Math.ceil(elements / to) * to

/** The block of gradients as it lies in memory: native/backend/parameters.cpp and the models say so. */
export function gradientSpans(shape: ModelShape): Span[] {
  const { model, vocab_size, n_layers, embed_dim: width, attn_length, mlp_ratio } = shape
  const block = (...parameters: number[]) => parameters.reduce((sum, elements) => sum + round(elements, 64), 0)
  const embedding = block(vocab_size * width, ...(model === 'gpt' ? [attn_length * width] : []))
  const head = block(width, width, round(vocab_size, 128) * width)
  const hidden = Math.trunc(mlp_ratio * width)
  const gates = (model === 'gru' ? 3 : 4) * width
  const layer =
    model === 'gpt'
      ? block(
          ...[width, width, 3 * width * width, 3 * width, width * width, width],
          ...[width, width, hidden * width, hidden, hidden * width, width],
        )
      : block(gates * width, gates * width, gates, gates)
  // Turns: the head, the layers from the last to the first, the embedding.
  const layers = Array.from({ length: n_layers }, (_, i): Span => ({ elements: layer, turn: n_layers - i }))
  const first: Span = { elements: embedding, turn: n_layers + 1 }
  const last: Span = { elements: head, turn: 0 }
  return model === 'gpt' ? [first, ...layers, last] : [...layers, first, last]
}

/** The block cut into pieces of `size` elements, in the order in which they are exchanged: native/dist/buckets.h. */
export function cutBuckets(spans: readonly Span[], size: number): Bucket[] {
  const elements = spans.reduce((sum, span) => sum + span.elements, 0)
  const buckets = Array.from({ length: Math.ceil(elements / size) }, (_, piece): Bucket => {
    const [begin, end] = [piece * size, Math.min(elements, (piece + 1) * size)]
    let [offset, turn] = [0, 0]
    for (const span of spans) {
      if (offset < end && offset + span.elements > begin) turn = Math.max(turn, span.turn)
      offset += span.elements
    }
    return { elements: end - begin, turn }
  })
  return buckets.sort((a, b) => a.turn - b.turn)
}

/** Bytes of a float; gradients are exchanged in fp32. */
const floatBytes = 4

/** Bytes that each of the devices sends, and receives, to have the sum of so many elements: a ring's, and the least. */
export function exchangedBytes(elements: number, devices: number): number {
  return ((2 * (devices - 1)) / devices) * floatBytes * elements
}

/** A ring of 2(N-1) steps. */
export function exchangeSeconds(elements: number, devices: number, { bandwidth, latency }: Link): number {
  return exchangedBytes(elements, devices) / bandwidth + 2 * (devices - 1) * latency
}

/**
 * How long after the backward pass the last bucket arrives. One bucket is under way at a time; it starts when its turn is
 * over and the one before it has arrived.
 * @param backward seconds of each turn
 */
export function exposedSeconds(
  backward: readonly number[],
  buckets: readonly Bucket[],
  exchange: (elements: number) => number,
): number {
  let passed = 0
  const ends = backward.map((seconds) => {
    passed += seconds
    return passed
  })
  let arrived = 0
  for (const { elements, turn } of buckets) {
    arrived = Math.max(arrived, ends[turn] as number) + exchange(elements)
  }
  return Math.max(0, arrived - passed)
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** A step of `devices`; those of `strong` are at most as many as the batch has sequences. */
export function scale(step: DeviceStep, group: Group, devices: number, mode: Mode, window: number): Scaled {
  const { forward, backward, optimizer, batch, lanes, slice } = step
  const { buckets, link, aggregate } = group
  const sequences = mode === 'strong' ? Math.ceil(batch / devices) : batch
  // Whole sequences: the busiest lane of the busiest device is waited for.
  const ofLane = Math.ceil(sequences / lanes)
  const share = ofLane / Math.ceil(batch / lanes)
  const passes = Math.ceil(ofLane / slice)
  const compute = aggregate * share * (forward + sum(backward))
  const each = (elements: number) => (devices === 1 ? 0 : exchangeSeconds(elements, devices, link))
  const exposed = exposedSeconds(
    backward.map((seconds) => (seconds * share) / passes),
    buckets,
    each,
  )
  const seconds = compute + exposed + optimizer
  const alone = aggregate * (forward + sum(backward)) + optimizer
  // Relative to one device: of a batch shared its N-th part of the time, of N batches the same time.
  const ideal = mode === 'strong' ? alone / devices : alone
  const tokens = aggregate * batch * window * (mode === 'strong' ? 1 : devices)
  return {
    devices,
    sequences,
    compute,
    bytes: exchangedBytes(sum(buckets.map(({ elements }) => elements)), devices),
    exchange: sum(buckets.map(({ elements }) => each(elements))),
    exposed,
    optimizer,
    step: seconds,
    tokensPerSecond: tokens / seconds,
    efficiency: ideal / seconds,
  }
}

export interface Limits {
  /** The least number of devices whose efficiency is below a half; null: there is none up to `most`. */
  half: number | null
  /** The number of devices whose step is the shortest (strong) or that make most tokens a second (weak), the least of such. */
  fastest: number
  /** How many were looked at. */
  most: number
}

/** Up to `most` devices, and when they share a batch at most one for each of its sequences. */
export function limits(step: DeviceStep, group: Group, mode: Mode, most: number): Limits {
  const count = mode === 'strong' ? Math.min(most, step.batch) : most
  const all = Array.from({ length: count }, (_, i) => scale(step, group, i + 1, mode, 1))
  const half = all.find(({ efficiency }) => efficiency < 0.5)?.devices ?? null
  const fastest = all.reduce((best, next) => (next.tokensPerSecond > best.tokensPerSecond ? next : best)).devices
  return { half, fastest, most: count }
}
