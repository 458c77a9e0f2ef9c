import test from 'ava'
import { countTicks, noiseBetween, noiseWarning, watchNoise } from '../../ts/bench/noise.js'
import { row } from './rows.js'

/** user nice system idle iowait irq softirq steal guest guest_nice */
const stat = (...numbers: number[]) => `cpu  ${numbers.join(' ')}\ncpu0 1 2 3 4 5 6 7 8 9 10\n`
/** A name with what may confuse; cutime and cstime are fields 16 and 17. */
const selfStat = (cutime: number, cstime: number) =>
  `42 (node ) R x) S 1 42 42 0 -1 4194560 100 200 0 0 77 88 ${cutime} ${cstime} 20 0 11 0 12345\n`

test('ticks by hand', (t) => {
  const ticks = countTicks(stat(100, 10, 50, 700, 20, 3, 7, 30, 60, 5), selfStat(11, 4), { user: 2e6, system: 5e5 })
  t.deepEqual(ticks, { total: 920, busy: 170, steal: 30, own: 250 + 15 })
})

test('noise by hand', (t) => {
  const before = countTicks(stat(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), selfStat(5, 5), { user: 0, system: 0 })
  // 1000 ticks, 400 busy, 40 stolen; ours 2.5 s, and 0.6 s of a child.
  const after = countTicks(stat(300, 20, 70, 550, 10, 4, 6, 40, 0, 0), selfStat(45, 25), { user: 2e6, system: 5e5 })
  t.deepEqual(noiseBetween(before, after), { steal: 0.04, others: 0.09 })
})

test('an older kernel without steal, own time ahead of the ticks, no tick in between', (t) => {
  const none = { total: 0, busy: 0, steal: 0, own: 0 }
  const old = countTicks('cpu  10 0 10 80\n', selfStat(0, 0), { user: 3e5, system: 0 })
  t.deepEqual(noiseBetween(none, old), { steal: 0, others: 0 })
  t.deepEqual(noiseBetween(old, old), { steal: null, others: null })
})

test('of this machine: parts of 1, or nothing', (t) => {
  const stop = watchNoise()
  const end = performance.now() + 60
  while (performance.now() < end) Math.random()
  const { steal, others } = stop()
  for (const part of [steal, others]) t.true(part === null || (part >= 0 && part <= 1), `${part}`)
})

test('a warning says what was not quiet', (t) => {
  const quiet = [row('a', 1, { spread: 0.04 }), row('b', 1, { spread: 0.04 }), row('c', 1, { spread: 0.5 })]
  t.is(noiseWarning({ steal: 0.01, others: 0.05 }, quiet), null)
  t.is(noiseWarning({ steal: null, others: null }, []), null)
  t.is(
    noiseWarning({ steal: 0.032, others: 0.12 }, quiet),
    "the machine was not quiet, figures may be off: the hypervisor kept 3.2 % of the processors' time for others; " +
      "other processes took 12 % of the processors' time",
  )
  const noisy = [row('a', 1, { spread: 0.01 }), row('b', 1, { spread: 0.07 }), row('c', 1, { spread: 0.07 })]
  t.is(
    noiseWarning({ steal: 0, others: 0 }, noisy),
    'the machine was not quiet, figures may be off: from p20 to p80 the middle row varies by 14 %',
  )
})
