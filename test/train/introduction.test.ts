/** What a run says of itself before it begins. */
import test, { type ExecutionContext } from 'ava'
import { trainRun } from '../../ts/train/run.js'
import { fakeSurroundings } from './fakes.js'
import { folderWithText, makeRun, plain, type Settings } from './runs.js'

/** The lines before the first of the training itself, the folder left out of them. */
async function introduction(t: ExecutionContext, settings: Settings): Promise<string[]> {
  const folder = folderWithText(t)
  const surroundings = fakeSurroundings()
  await trainRun(makeRun(folder, settings, 'run'), plain, surroundings)
  const end = surroundings.lines.findIndex((line) => line.startsWith('step '))
  return surroundings.lines.slice(0, end).map((line) => line.replaceAll(folder, '<folder>'))
}

test('model, device, data, steps, and a window of each part', async (t) => {
  t.deepEqual(await introduction(t, { steps_to_train: 30 }), [
    'run: <folder>/runs/project/run',
    'model: gpt, forward, 256 parameters, fp32',
    'device: a stand-in',
    'data: <folder>/text.h5, 2,000 tokens',
    'windows of 8 tokens: 662 for training (331 minibatches an epoch), 2 for validation',
    'steps: 30 minibatches of 2 windows (15 optimizer steps), lr falls to 0 over the last 2 optimizer steps; validation every 25 and at the end',
    'a training window, input:  [0 97 109 122 111 106 100 112]',
    'a training window, target: [97 109 122 111 106 100 112 111]',
    'a validation window, input:  [0 102 99 110 122 104 121 113]',
    'a validation window, target: [102 99 110 122 104 121 113 101]',
  ])
})

test('one of a kind is told in the singular', async (t) => {
  const lines = await introduction(t, { steps_to_train: 1, batch_size: 1, aggregate: 1, cooldown_finish: 1 })
  t.true(
    lines.includes(
      'steps: 1 minibatch of 1 window (1 optimizer step), lr falls to 0 over the last 1 optimizer step; validation every 25 and at the end',
    ),
    lines.join('\n'),
  )
})
