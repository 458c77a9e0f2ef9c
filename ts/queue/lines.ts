/** The queue on a terminal: a line a run, as wide and as many as there is room for. */
import { stripVTControlCharacters, styleText } from 'node:util'
import { formatCount, formatDuration, formatNumberOf, formatWhole } from '../logging/amounts.js'
import type { QueueRun, RunState } from './state.js'

const [leastBar, mostBar] = [6, 24]
const mostName = 24

type Part = { text: string /** The higher, the sooner it is left out of a narrow line. */; leave: number }

function shortened(text: string, width: number): string {
  const letters = [...text]
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** How a run that is over ended, in a few words. */
export function describeEnd(state: Extract<RunState, { kind: 'done' | 'failed' | 'stopped' }>): string {
  if (state.kind === 'failed') return `failed: ${state.line}`
  const steps = state.step === null ? '' : formatNumberOf(state.step, 'step')
  const time = state.seconds === null ? '' : formatDuration(state.seconds)
  const loss = state.validLoss === null ? '' : `validation loss ${state.validLoss.toFixed(4)}`
  if (state.kind === 'stopped')
    return state.step === null ? 'stopped before it began' : `stopped at step ${formatWhole(state.step)}`
  return `done${state.devices === null ? ' before' : ''}: ${[steps, loss, time].filter((part) => part !== '').join(', ')}`
}

/** The parts of a running run that change, between its name and the end of the line. */
function runningParts(state: Extract<RunState, { kind: 'running' }>): Part[] {
  const { position, rate, stopping } = state
  if (position === null) return [{ text: stopping ? 'stops' : 'starts', leave: 0 }]
  const { step, total, loss, tokensPerSecond } = position
  const percent = `${String(Math.min(100, Math.floor((100 * step) / Math.max(1, total)))).padStart(3)}%`
  const whole = formatWhole(total)
  const parts: Part[] = [
    { text: percent, leave: 0 },
    { text: `${formatWhole(step).padStart(whole.length)} of ${whole}`, leave: 3 },
  ]
  if (loss !== null) parts.push({ text: `loss ${loss.toFixed(4)}`, leave: 1 })
  if (tokensPerSecond > 0) parts.push({ text: `${formatCount(tokensPerSecond)} tokens/s`, leave: 4 })
  if (stopping) parts.push({ text: 'saves and stops', leave: 0 })
  else if (step >= total) parts.push({ text: 'validates', leave: 0 })
  else if (rate > 0) parts.push({ text: `${formatDuration(Math.round((total - step) / rate))} left`, leave: 2 })
  return parts
}

function bar(part: number, size: number): string {
  const full = Math.round(Math.min(1, part) * size)
  return `[${'='.repeat(full)}${' '.repeat(size - full)}] `
}

function stateText(state: RunState, width: number): string {
  if (state.kind === 'waiting') return 'waits'
  if (state.kind !== 'running') return describeEnd(state)
  const joined = (parts: Part[]) => parts.map(({ text }) => text).join(' | ')
  let parts = runningParts(state)
  const { position } = state
  // Of one length for all lines, whatever they say.
  const size = Math.min(mostBar, Math.max(leastBar, Math.floor(width / 6)))
  const drawn = position === null ? '' : bar(position.step / Math.max(1, position.total), size)
  const isTooLong = () => drawn.length + joined(parts).length > width
  while (isTooLong() && parts.some(({ leave }) => leave > 0)) {
    const first = Math.max(...parts.map(({ leave }) => leave))
    parts = parts.filter(({ leave }) => leave !== first)
  }
  return isTooLong() ? joined(parts) : drawn + joined(parts)
}

const colours = { waiting: 'dim', running: null, done: 'green', failed: 'red', stopped: 'yellow' } as const

export interface Screen {
  columns: number
  /** Lines that may be taken. */
  rows: number
  colours: boolean
}

/** Runs that are told first when there is no line for each: those at work, then the next, then what is over. */
const order: RunState['kind'][] = ['running', 'failed', 'waiting', 'stopped', 'done']

/** At most `rows` lines, of less than `columns` characters; the last counts the runs that have none. */
export function queueLines(runs: readonly QueueRun[], screen: Screen): string[] {
  const all = runs.map((run, index) => ({ ...run, index }))
  const fit = all.length <= screen.rows
  const byNeed = [...all].sort((a, b) => order.indexOf(a.state.kind) - order.indexOf(b.state.kind) || a.index - b.index)
  const shown = fit ? all : byNeed.slice(0, Math.max(0, screen.rows - 1)).sort((a, b) => a.index - b.index)
  const widest = (texts: string[], most: number) =>
    Math.min(most, Math.max(0, ...texts.map((text) => [...text].length)))
  const name = widest(
    runs.map((run) => run.name),
    Math.min(mostName, Math.floor(screen.columns / 3)),
  )
  const device = widest(
    runs.map(({ state }) => devicesOf(state)),
    15,
  )
  const lines = shown.map(({ name: full, state }) => {
    const head = `${shortened(full, name).padEnd(name)}  ${shortened(devicesOf(state), device).padEnd(device)}  `
    const width = screen.columns - 1 - head.length
    const text = shortened(stateText(state, width), width)
    const colour = colours[state.kind]
    return head + (colour === null || !screen.colours ? text : styleText(colour, text, { validateStream: false }))
  })
  if (fit) return lines
  const rest = all.filter((run) => !shown.includes(run))
  const counts = order.map((kind) => [kind, rest.filter(({ state }) => state.kind === kind).length] as const)
  const said = counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`)
  return [...lines, shortened(`and ${rest.length} more: ${said.join(', ')}`, screen.columns - 1)].slice(0, screen.rows)
}

function devicesOf(state: RunState): string {
  return state.kind === 'waiting' ? '' : (state.devices ?? '')
}

/** Letters that a line takes on the terminal. */
export const width = (line: string) => [...stripVTControlCharacters(line)].length
