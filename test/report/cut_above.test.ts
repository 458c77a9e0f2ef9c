import test from 'ava'
import { cutAbove } from '../../ts/report/charts/lines.js'
import { pictures } from '../../ts/report/pictures.js'
import { reports } from './write_reports.js'

test('lines are cut where they cross the height', (t) => {
  const line = [9, 1, 3, 3, 1, 5, 2].map((y, x) => ({ x, y }))
  t.deepEqual(cutAbove(line, 2), [
    { x: 0.875, y: 2 },
    { x: 1, y: 1 },
    { x: 1.5, y: 2 },
    { x: 3.5, y: 2 },
    { x: 4, y: 1 },
    { x: 4.25, y: 2 },
    { x: 6, y: 2 },
    { x: 6, y: 2 },
  ])
  t.deepEqual(cutAbove(line, 9), line)
  t.deepEqual(cutAbove(line, 0.5), [])
  t.deepEqual(cutAbove([{ x: 0, y: 1, low: 0, high: 7 }], 2), [{ x: 0, y: 1, low: 0, high: 2 }])
})

test('training that begins far above its validations can be drawn', (t) => {
  const [wild] = structuredClone(reports.two)
  for (const { train } of wild?.curves ?? []) for (const point of train.slice(0, 3)) point[1] += 1e4
  t.true(pictures([wild as (typeof reports.two)[number]]).every(({ png }) => png.length > 1000))
})
