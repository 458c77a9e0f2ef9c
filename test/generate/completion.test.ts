/** Which place each token takes, for every direction. */
import test from 'ava'
import { Completion, type Way, waysOf } from '../../ts/generate/completion.js'
import { namedPermutation } from '../../ts/index.js'

const sampling = { temperature: 0, topK: 0, seed: 0 }

/** An engine that makes 100, 101, ... and keeps what it was asked. */
function counting() {
  const asked: { sequence: number[]; tokens: number; bos: number | undefined }[] = []
  return {
    asked,
    async *stream(sequence: Int32Array, { tokens, bos }: { tokens: number; bos?: number | undefined }) {
      asked.push({ sequence: [...sequence], tokens, bos })
      for (let i = 0; i < tokens; i++) yield 100 + i
    },
  }
}

async function views(way: Way, prompt: number[], tokens: number) {
  const engine = counting()
  const completion = new Completion(engine, way, Int32Array.from(prompt))
  const seen = [[...completion.ids]]
  for await (const _ of completion.run(tokens, sampling)) seen.push([...completion.ids])
  return { seen, asked: engine.asked, tokens: completion.tokens }
}

test('forward: after the prompt', async (t) => {
  const { seen, asked } = await views({ kind: 'forward', bos: 0 }, [1, 2], 2)
  t.deepEqual(seen, [
    [1, 2],
    [1, 2, 100],
    [1, 2, 100, 101],
  ])
  t.deepEqual(asked, [{ sequence: [1, 2], tokens: 2, bos: 0 }])
})

test('backward: the prompt is the ending, read from its end', async (t) => {
  const { seen, asked } = await views({ kind: 'backward', bos: 0 }, [1, 2, 3], 2)
  t.deepEqual(seen, [
    [1, 2, 3],
    [100, 1, 2, 3],
    [101, 100, 1, 2, 3],
  ])
  t.deepEqual(asked[0]?.sequence, [3, 2, 1])
})

test('a permutation: the prompt takes its first places, in reading order; the window is filled and no more', async (t) => {
  const permutation = namedPermutation('middle_out', 8) // 4 3 5 2 6 1 7 0
  const { seen, asked, tokens } = await views({ kind: 'permutation', bos: 0, permutation }, [1, 2, 3], 100)
  t.deepEqual(seen[0], [-1, -1, -1, 1, 2, 3, -1, -1])
  t.deepEqual(asked, [{ sequence: [2, 1, 3], tokens: 5, bos: 0 }])
  t.deepEqual(seen[1], [-1, -1, 100, 1, 2, 3, -1, -1])
  t.deepEqual(seen.at(-1), [104, 102, 100, 1, 2, 3, 101, 103])
  t.is(tokens.length, 5)
  t.throws(() => new Completion(counting(), { kind: 'permutation', bos: 0, permutation }, new Int32Array(9)), {
    code: 'AOT_CONFIG',
    message: 'the prompt has 9 tokens, but a window of this run has 8: shorten it',
  })
})

test('the ways of a direction', (t) => {
  t.deepEqual(waysOf({ kind: 'forward' }), [{ kind: 'forward', bos: 0 }])
  t.deepEqual(waysOf({ kind: 'backward' }), [{ kind: 'backward', bos: 0 }])
  t.deepEqual(waysOf({ kind: 'fwbw', forward: 50, backward: 51 }), [
    { kind: 'forward', bos: 50 },
    { kind: 'backward', bos: 51 },
  ])
})

test('a signal stops it after the token that is being made, and before the first', async (t) => {
  const stop = new AbortController()
  const completion = new Completion(counting(), { kind: 'forward', bos: 0 }, new Int32Array(0))
  for await (const _ of completion.run(10, sampling, stop.signal)) if (completion.tokens.length === 3) stop.abort()
  t.is(completion.tokens.length, 3)
  for await (const _ of completion.run(10, sampling, stop.signal)) t.fail()
})
