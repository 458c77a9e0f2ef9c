/** What peers measured, as rows beside our own. */
import { native } from '../native.js'
import type { Ceilings } from './ceilings.js'
import { opFigures, stepFigures } from './figures.js'
import type { PeerCall, Peers } from './peers.js'
import { type Row, timeOf } from './record.js'
import type { TrainRequest } from './train.js'

type Precision = 'fp32' | 'bf16'

/** Side of the large product that a peer makes. */
const productSide = { cpu: 2048, cuda: 8192 }
const copyBytes = { cpu: 128e6, cuda: 512e6 }
const kindOf = (device: string) => (device.startsWith('cuda') ? 'cuda' : 'cpu')

/** Peers know the cpu and GPUs. */
function canAsk(peers: Peers, device: string): boolean {
  if (device === 'cpu' || device.startsWith('cuda')) return true
  peers.say(`peers: none has the device ${device}`)
  return false
}

/** Has a peer make the large product and copy too: the best of all is the ceiling. */
export async function addPeerCeilings(
  peers: Peers,
  ceilings: Ceilings,
  {
    device,
    threads,
    precisions,
    seconds,
  }: { device: string; threads: number; precisions: readonly Precision[]; seconds: number },
): Promise<Row[]> {
  if (!canAsk(peers, device)) return []
  const rows: Row[] = []
  const on = { device, threads, tf32: false, seconds }
  const size = productSide[kindOf(device)]
  for (const precision of precisions) {
    for (const { by, samples, flops } of await peers.python('matmul', { ...on, size, precision })) {
      const time = timeOf(samples)
      const rate = flops / time.median
      ceilings.matmul[precision] = Math.max(ceilings.matmul[precision] ?? 0, rate)
      const shape = { batch: 1, window: size, width: size, out: size }
      rows.push({
        bench: 'ceiling',
        name: 'matmul',
        by,
        device,
        precision,
        shape,
        time,
        figures: { tflops: rate / 1e12 },
      })
    }
  }
  for (const { by, samples, bytes } of await peers.python('copy', { ...on, bytes: copyBytes[kindOf(device)] })) {
    const time = timeOf(samples)
    ceilings.copy = Math.max(ceilings.copy, bytes / time.median)
    const figures = { gbytes_per_s: bytes / time.median / 1e9 }
    rows.push({ bench: 'ceiling', name: 'copy', by, device, precision: null, shape: { bytes }, time, figures })
  }
  return rows
}

/** The peers' rows of the calls that `ours` are rows of. */
export async function peerOpRows(
  peers: Peers,
  ours: readonly Row[],
  { device, threads, seconds }: { device: string; threads: number; seconds: number },
  ceilings: Ceilings,
): Promise<Row[]> {
  if (!canAsk(peers, device)) return []
  const calls = ours.map(({ name, precision, shape }, id): PeerCall => {
    const size = (key: string) => Number(shape[key] ?? 1)
    const sizes = {
      batch: size('batch'),
      window: size('window'),
      width: size('width'),
      out: size('out'),
      heads: size('heads'),
      vocabulary: size('vocabulary'),
    }
    // What an op writes its result in makes no difference to a peer.
    return {
      id,
      op: name.replace(/_fp32$/, ''),
      precision: precision ?? 'fp32',
      rate: size('rate') === 1 ? 0 : size('rate'),
      shape: sizes,
    }
  })
  const rows: Row[] = []
  for (const { id, by, samples } of await peers.python('ops', { device, threads, tf32: false, calls, seconds })) {
    const row = ours[id]
    const call = calls[id]
    if (row === undefined || call === undefined) continue
    const time = timeOf(samples)
    const cost = native.opCost(row.name, call.shape, call.precision)
    rows.push({ ...row, by, time, figures: await opFigures(time, cost, call.precision, ceilings) })
  }
  return rows
}

export async function peerTrainRows(
  peers: Peers,
  name: string,
  { device, precision, threads, shape, steps }: TrainRequest,
  ceilings: Pick<Ceilings, 'matmul'>,
): Promise<Row[]> {
  if (!canAsk(peers, device)) return []
  const rows: Row[] = []
  const { model, ...sizes } = shape
  for (const compile of [false, true]) {
    const request = { device, threads, tf32: false, model, precision, shape: sizes, steps, compile }
    for (const { by, samples, peak_memory } of await peers.python('train', request)) {
      const time = timeOf(samples)
      const figures = stepFigures(shape, time.median, peak_memory, ceilings.matmul[precision])
      rows.push({ bench: 'train', name, by, device, precision, shape: { ...shape, threads }, time, figures })
    }
  }
  return rows
}
