import test from 'ava'
import { formatBytes, formatCount, formatDuration } from '../../ts/logging/amounts.js'
import { Progress } from '../../ts/logging/progress.js'

function recorder(isTTY: boolean) {
  const written: string[] = []
  const stream = {
    isTTY,
    columns: 200,
    written,
    write(text: string) {
      written.push(text)
      return true
    },
  }
  return stream
}

test('amounts', (t) => {
  t.deepEqual([0, 999, 1000, 12345, 999499, 999500, 2.5e9, 1.234e12].map(formatBytes), [
    '0 B',
    '999 B',
    '1.00 kB',
    '12.3 kB',
    '999 kB',
    '1.00 MB',
    '2.50 GB',
    '1.23 TB',
  ])
  t.deepEqual([7, 0.5, 5123, 1e6].map(formatCount), ['7', '0.50', '5.12k', '1.00M'])
  t.deepEqual([0, 0.42, 9.99, 59, 60, 3599, 3600, 7500, 90000].map(formatDuration), [
    '0 s',
    '0.4 s',
    '10 s',
    '59 s',
    '1 min 00 s',
    '59 min 59 s',
    '1 h 00 min',
    '2 h 05 min',
    '1 d 01 h',
  ])
})

test('a log gets a plain line every few seconds', (t) => {
  const stream = recorder(false)
  let now = 100
  const progress = new Progress({ label: 'encoding', unit: 'byte', stream, clock: () => now })
  for (let second = 1; second <= 12; second++) {
    now = 100 + second
    progress.update(second * 1e6, 20e6, second > 8 ? 'almost' : '')
  }
  progress.end(true)
  t.deepEqual(stream.written, [
    'encoding:  25% | 5.00 MB of 20.0 MB | 1.00 MB/s | 15 s left\n',
    'encoding:  50% | 10.0 MB of 20.0 MB | almost | 1.00 MB/s | 10 s left\n',
    'encoding: 12.0 MB in 12 s, 1.00 MB/s\n',
  ])
})

test('a resumed work counts its rate from where it began', (t) => {
  const stream = recorder(false)
  let now = 0
  const progress = new Progress({
    label: 'run',
    unit: 'step',
    initial: 1000,
    stream,
    lineSeconds: 2,
    clock: () => now,
  })
  now = 2
  progress.update(1010, 1030, 'loss 3.21')
  progress.end(false)
  t.deepEqual(stream.written, ['run:  98% | 1,010 of 1,030 steps | loss 3.21 | 5 steps/s | 4 s left\n'])
})

test('a bar is as long as the terminal has room for, and the time left is always there', async (t) => {
  for (const [columns, bar] of [
    [120, 24],
    [86, 8],
    [80, 0],
  ] as const) {
    const stream = { ...recorder(true), columns }
    let now = 0
    const progress = new Progress({ label: 'encoding', unit: 'byte', mode: 'bar', stream, clock: () => now })
    now = 10
    progress.update(5e6, 2e7, '1.00k tokens/s')
    await new Promise((resolve) => setTimeout(resolve, 250))
    progress.end(false)
    const said = '25% | 5.00 MB of 20.0 MB | 1.00k tokens/s | 500 kB/s | 30 s left'
    const drawn = bar === 0 ? '' : `[${'='.repeat(bar / 4)}${' '.repeat((3 * bar) / 4)}] `
    t.true(stream.written.join('').includes(`encoding ${drawn} ${said}`), `${columns}: ${stream.written.join('|')}`)
  }
})

test('quiet shows nothing', (t) => {
  const stream = recorder(true)
  let now = 0
  const progress = new Progress({ label: 'run', unit: 'step', mode: 'quiet', stream, clock: () => now })
  now = 60
  progress.update(1, 2)
  progress.log('a line')
  progress.end(true)
  t.deepEqual(stream.written, [])
})

test('what follows a bar stands below the lines that were printed above it, and those wrap', (t) => {
  const stream = recorder(true)
  const progress = new Progress({ label: 'run', unit: 'step', stream })
  progress.log('first')
  progress.log('second')
  progress.end(false)
  const written = stream.written.join('')
  // At the end the cursor goes back to where it was kept last: ESC 7 and ESC 8.
  const back = written.lastIndexOf('\x1b8')
  t.true(back > 0)
  t.true(written.lastIndexOf('\x1b7', back) > written.indexOf('second\n'))
  t.true(written.includes('\x1b[?7hsecond\n\x1b[?7l'))
})
