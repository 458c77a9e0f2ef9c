/** The charts of one comparison. */
import type { ArrowResult } from '../../arrow/types.js'
import type { Chart } from './draw.js'
import { lossChart } from './loss.js'
import { placeCharts, positionCharts } from './positions.js'
import { tokenChart } from './tokens.js'
import { trainingChart } from './training.js'

const one = (chart: Chart | null) => (chart === null ? [] : [chart])

/** Through training, and by position; those that the result has figures for. */
export function trainingAndPositions(result: ArrowResult): Chart[] {
  return [...one(lossChart(result)), ...one(trainingChart(result)), ...positionCharts(result)]
}

/** Where the difference comes from. */
export function sourceCharts(result: ArrowResult): Chart[] {
  return [...one(tokenChart(result)), ...placeCharts(result)]
}
