/** Stretches of the text around tokens that one direction predicts much better. */
import type { TokenLosses } from './token_losses.js'
import type { SourceExample } from './types.js'

/** Of each direction. */
const examplesEach = 4
/** Tokens before and after the marked one. */
const around = 12

interface Candidate {
  /** Index of the window, and place in it. */
  row: number
  place: number
  id: number
  /** bw - fw */
  difference: number
}

/**
 * The place in each window that speaks most for one direction: `sign` 1 for forward, -1 for backward. Only the middle half
 * of the window counts: at its edges one direction has nearly no context, which says nothing of the text.
 */
function strongest({ attnLength, windows, ids, fw, bw }: TokenLosses, sign: 1 | -1): Candidate[] {
  const [begin, end] = [Math.floor(attnLength / 4), Math.ceil((3 * attnLength) / 4)]
  return Array.from({ length: windows.length }, (_, row) => {
    let best: Candidate = { row, place: begin, id: -1, difference: 0 }
    for (let place = begin; place < end; place++) {
      const at = row * attnLength + place
      const difference = (bw[at] as number) - (fw[at] as number)
      if (sign * difference > sign * best.difference) best = { row, place, id: ids[at] as number, difference }
    }
    return best
  })
}

/** Largest first; each window and, in a direction, each token once, for they are to show different things. */
export function pickExamples(losses: TokenLosses, textOf: (id: number) => string): SourceExample[] {
  const rows = new Set<number>()
  return ([1, -1] as const).flatMap((sign) => {
    const tokens = new Set<number>()
    const picked: SourceExample[] = []
    const candidates = strongest(losses, sign).sort((a, b) => sign * (b.difference - a.difference) || a.row - b.row)
    for (const candidate of candidates) {
      if (picked.length === examplesEach || candidate.difference === 0) break
      if (rows.has(candidate.row) || tokens.has(candidate.id)) continue
      rows.add(candidate.row)
      tokens.add(candidate.id)
      picked.push(exampleOf(losses, candidate, textOf))
    }
    return picked
  })
}

function exampleOf(losses: TokenLosses, candidate: Candidate, textOf: (id: number) => string): SourceExample {
  const { attnLength, windows, ids, fw, bw } = losses
  const { row, place, difference } = candidate
  const [begin, end] = [Math.max(0, place - around), Math.min(attnLength, place + around + 1)]
  const tokens = Array.from({ length: end - begin }, (_, i) => {
    const at = row * attnLength + begin + i
    return { text: textOf(ids[at] as number), difference: (bw[at] as number) - (fw[at] as number) }
  })
  const easier = difference > 0 ? 'forward' : 'backward'
  return { window: windows[row] as number, easier, tokens, marked: place - begin }
}
