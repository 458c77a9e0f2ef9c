import test from 'ava'
import { TrainProgress } from '../../ts/logging/train_progress.js'

/** A terminal that keeps what it is written. */
function terminal() {
  const written: string[] = []
  const stream = {
    isTTY: true,
    columns: 120,
    write: (text: string) => written.push(text) > 0,
    on() {},
    removeListener() {},
  }
  return { written, stream: stream as unknown as NodeJS.WriteStream }
}

const metrics = { loss: 3.1, lr: 0.001, gradNorm: 1, tokensPerSecond: 12345 }
const line = (step: number) => ({ step, epochs: 0.5, ksamples: 1, time: 0 })

test('in a log: a line for each line of the metrics', (t) => {
  const lines: string[] = []
  const print = (line: string) => lines.push(line)
  const progress = new TrainProgress({ start: 0, total: 1000, tokensPerStep: 512, print, terminal: null })
  progress.stepped({ step: 1, loss: 9, tokensPerSecond: 1000 })
  progress.train(line(200), { ...metrics, loss: 3.21987 })
  progress.line('between')
  progress.close({ kind: 'stopped', step: 203 })
  t.deepEqual(lines, [
    'step 200 of 1000: loss 3.2199, 12.3k tokens/s, 33 s left',
    'between',
    'stopped at step 203: the same command goes on from there',
  ])
})

test('on a terminal: a bar with step, loss, tokens/s and time left', async (t) => {
  const { written, stream } = terminal()
  const lines: string[] = []
  const print = (line: string) => lines.push(line)
  const progress = new TrainProgress({ start: 100, total: 1000, tokensPerStep: 512, print, terminal: stream })
  progress.stepped({ step: 101, loss: 3.2, tokensPerSecond: 12345 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  progress.stepped({ step: 110, loss: 3.1, tokensPerSecond: 12345 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  progress.train(line(110), metrics)
  progress.line('between')
  progress.close({ kind: 'finished', step: 1000 })
  t.deepEqual(lines, ['between'])
  t.regex(
    written.join(''),
    /training \[=+ +\] +11% \| 110 of 1,000 steps \| loss 3\.1000 \| 12\.3k tokens\/s \| .*steps\/s \| .* left/,
  )
})
