/**
 * Stands in for a run of the queue: node fake_run.js PLAY FOLDER, in JSON an array of what it does, one thing after the
 * other; it ends when the folder is gone, so that a test that fails leaves none.
 * 'begin', 'steps', 'wait:FILE' (until it is there), 'done', 'say:TEXT', 'exit:N', and what goes wrong.
 */
import { existsSync } from 'node:fs'
import type { RunMessage } from '../../ts/queue/protocol.js'

const send = (message: RunMessage | object) => new Promise((resolve) => process.send?.(message, resolve))
const after = (name: string) => name.split(':').slice(1).join(':')
let step = 0
let stopping = false
let isDeaf = false
const stop = async () => {
  if (isDeaf || stopping) return
  stopping = true
  console.log('told to stop')
  await send({ kind: 'ended', step, stopped: true, validLoss: null })
  process.exit(130)
}
process.on('SIGINT', stop)
process.on('disconnect', () => process.exit(130))
setInterval(() => existsSync(process.argv[3] as string) || process.exit(130), 200).unref()

for (const word of JSON.parse(process.argv[2] as string) as string[]) {
  if (word === 'begin') await send({ kind: 'begun', step: 0, total: 100 })
  if (word === 'steps') {
    while (step < 100) {
      step += 10
      await send({ kind: 'step', step, loss: 5 - step / 100, tokensPerSecond: 1234 })
    }
    await send({ kind: 'validated', step, loss: 4.25 })
  }
  if (word === 'junk')
    for (const junk of ['text', { kind: 'other' }, { kind: 'step', step: -1 }]) await send(junk as object)
  if (word.startsWith('wait:')) while (!existsSync(after(word))) await new Promise((resolve) => setTimeout(resolve, 5))
  if (word === 'done') await send({ kind: 'ended', step, stopped: false, validLoss: 4.25 })
  if (word === 'fail' || word === 'fail inside') {
    await send({ kind: 'failed', code: word === 'fail' ? 'AOT_DATA' : 'AOT_INTERNAL', message: 'the data is\nno data' })
    process.exit(word === 'fail' ? 2 : 1)
  }
  if (word.startsWith('say:')) console.error(after(word))
  if (word === 'huge') process.stdout.write(`${'x'.repeat(1 << 20)}\n`.repeat(20))
  if (word === 'segv') process.kill(process.pid, 'SIGSEGV')
  if (word.startsWith('exit:')) process.exit(Number(after(word)))
  if (word === 'deaf') isDeaf = true
  if (word === 'hang') await new Promise((resolve) => setTimeout(resolve, 600_000))
}
process.disconnect()
