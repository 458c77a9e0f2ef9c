/** What devices make of a step, for the terminal: two tables of one model, or a line a model. */
import { formatBytes } from '../logging/amounts.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from './columns.js'
import type { NamedStep } from './device_steps.js'
import type { Link } from './links.js'
import { digits, formatPercent, formatTime } from './row_text.js'
import { cutBuckets, type Group, gradientSpans, type Limits, limits, type Mode, type Scaled, scale } from './scaling.js'
import { parameterCount } from './shapes.js'

export interface ScalingRequest {
  link: Link
  aggregate: number
  /** The tables go up to so many. */
  devices: number
  /** Elements; null: what the device takes. */
  bucket: number | null
}

/** Elements of a bucket: as the engine cuts them. */
export const bucketElements = (device: string) => (device === 'cpu' ? 1 : 4) * 2 ** 20

/** So many are looked at for the numbers from which more devices no longer pay. */
const most = 1024

export function groupOf({ device, shape }: NamedStep, { link, aggregate, bucket }: ScalingRequest): Group {
  return { buckets: cutBuckets(gradientSpans(shape), bucket ?? bucketElements(device)), link, aggregate }
}

/** 1, 2, 4, ... */
function powers(most: number): number[] {
  return Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i)
}

const columns: Column<Scaled>[] = [
  { title: 'devices', cell: ({ devices }) => String(devices) },
  { title: 'sequences\neach', cell: ({ sequences }) => String(sequences), leave: 4 },
  { title: 'compute', cell: ({ compute }) => formatTime(compute) },
  { title: 'sent\neach', cell: ({ bytes }) => (bytes === 0 ? '' : formatBytes(bytes)), leave: 3 },
  { title: 'exchange', cell: ({ exchange }) => (exchange === 0 ? '' : formatTime(exchange)), leave: 2 },
  { title: 'exposed', cell: ({ exposed }) => (exposed === 0 ? '' : formatTime(exposed)) },
  { title: 'optimizer', cell: ({ optimizer }) => formatTime(optimizer), leave: 1 },
  { title: 'step', cell: ({ step }) => formatTime(step) },
  { title: 'tokens/s', cell: ({ tokensPerSecond }) => Math.round(tokensPerSecond).toLocaleString('en-US') },
  { title: 'efficiency', cell: ({ efficiency }) => formatPercent(efficiency) },
]

const titles: Record<Mode, string> = {
  strong: 'the batch shared among the devices',
  weak: 'a batch as large on each device',
}

function limitLine({ half, fastest, most }: Limits): string {
  const from = half === null ? `efficiency is above 50 % up to ${most} devices` : `below 50 % from ${half} devices on`
  return `  ${from}${fastest === most ? '' : `; most tokens/s with ${fastest}`}`
}

function modelTables(named: NamedStep, request: ScalingRequest, style: TableStyle): string[] {
  const { step, shape } = named
  const group = groupOf(named, request)
  return (['strong', 'weak'] as const).map((mode) => {
    const last = mode === 'strong' ? Math.min(request.devices, step.batch) : request.devices
    const lines = powers(last).map((devices) => scale(step, group, devices, mode, shape.attn_length))
    return [
      paint('bold', titles[mode], style),
      ...columnsTable(columns, lines, style.width),
      limitLine(limits(step, group, mode, most)),
    ].join('\n')
  })
}

interface Summary {
  named: NamedStep
  alone: Scaled
  strong: Limits
  weak: Limits
  /** Of `devices`, each with a batch. */
  together: Scaled
}

function summaryTable(steps: readonly NamedStep[], request: ScalingRequest, style: TableStyle): string {
  const { devices } = request
  const lines = steps.map((named): Summary => {
    const group = groupOf(named, request)
    const of = (count: number) => scale(named.step, group, count, 'weak', named.shape.attn_length)
    return {
      named,
      alone: of(1),
      together: of(devices),
      strong: limits(named.step, group, 'strong', most),
      weak: limits(named.step, group, 'weak', most),
    }
  })
  const half = ({ half, most }: Limits) => (half === null ? `> ${most}` : String(half))
  return columnsTable<Summary>(
    [
      { title: 'model', align: 'left', cell: ({ named }) => named.name },
      { title: 'prec', align: 'left', cell: ({ named }) => named.precision },
      // Of one model there may be steps on one thread and on two.
      { title: 'threads', cell: ({ named }) => (named.device === 'cpu' ? String(named.step.lanes) : ''), leave: 1 },
      { title: 'parameters', cell: ({ named }) => `${digits(parameterCount(named.shape) / 1e6)} M`, leave: 3 },
      { title: 'step', cell: ({ alone }) => formatTime(alone.step) },
      { title: `exchange\nof ${devices}`, cell: ({ together }) => formatTime(together.exchange), leave: 2 },
      { title: `exposed\nof ${devices}`, cell: ({ together }) => formatTime(together.exposed), leave: 1 },
      { title: `weak,\n${devices}`, cell: ({ together }) => formatPercent(together.efficiency) },
      { title: 'weak,\n< 50 %', cell: ({ weak }) => half(weak) },
      { title: 'shared,\n< 50 %', cell: ({ strong }) => half(strong) },
      { title: 'shared,\nshortest', cell: ({ strong }) => String(strong.fastest) },
    ],
    lines,
    style.width,
  ).join('\n')
}

/** Tables with an empty line between them, under what they rest on. */
export function scalingTable(
  steps: readonly NamedStep[],
  request: ScalingRequest,
  style: TableStyle = terminalStyle(process.stdout),
): string {
  const { link, aggregate } = request
  const [first] = steps as [NamedStep]
  const gbytes = digits(link.bandwidth / 1e9)
  const joined = `${link.name}: ${gbytes} GB/s each way, ${digits(link.latency * 1e6)} µs a step of the ring`
  const minibatches = aggregate === 1 ? '' : `, ${aggregate} minibatches a step`
  const rests =
    first.date === null
      ? 'least times that FLOPs and bytes allow: bounds, nothing of it was measured'
      : `measured ${[...new Set(steps.map(({ date }) => date?.slice(0, 10)))].join(', ')}`
  const about = `${first.device}${minibatches} (${rests}); ${joined}`
  if (steps.length > 1) return [about, '', summaryTable(steps, request, style)].join('\n')
  const { name, device, precision, shape, step } = first
  const threads = device !== 'cpu' ? '' : `, ${step.lanes} ${step.lanes === 1 ? 'thread' : 'threads'}`
  const model = `${name}, ${precision}${threads}, ${shape.batch} × ${shape.attn_length} tokens`
  return [`${paint('bold', model, style)}\n${about}`, ...modelTables(first, request, style)].join('\n\n')
}
