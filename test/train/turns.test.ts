import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { Turns } from '../../ts/train/turns.js'

/** Takes the steps one by one, each in a turn of its own, and leaves. */
async function walk(turns: Turns, name: string, first: number, last: number, told: string[], pause = 0) {
  const turn = turns.join()
  return async () => {
    for (let step = first; step <= last; step++) {
      await turn.begin(step)
      told.push(`${name}${step}`)
      await setTimeout(pause)
      told.push('.')
    }
    turn.leave()
  }
}

test('a step of each in turn, one at a time, however long it takes', async (t) => {
  const turns = new Turns()
  const told: string[] = []
  const walks = [await walk(turns, 'a', 0, 3, told, 5), await walk(turns, 'b', 0, 3, told)]
  await Promise.all(walks.map((go) => go()))
  t.is(told.join(''), 'a0.b0.a1.b1.a2.b2.a3.b3.')
})

test('who has done less goes on until it is level; who is left goes on alone', async (t) => {
  const turns = new Turns()
  const told: string[] = []
  const walks = [await walk(turns, 'a', 3, 6, told), await walk(turns, 'b', 1, 4, told)]
  await Promise.all(walks.map((go) => go()))
  t.is(told.join(''), 'b1.b2.a3.b3.a4.b4.a5.a6.')
})

test('nobody begins before all have come, or left', async (t) => {
  const turns = new Turns()
  const [first, second] = [turns.join(), turns.join()]
  let began = false
  const begin = first.begin(0).then(() => {
    began = true
  })
  await setTimeout(10)
  t.false(began)
  second.leave()
  second.leave()
  await begin
  t.true(began)
})
