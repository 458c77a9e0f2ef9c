import test from 'ava'
import { placesOf, threadsEach } from '../../ts/devices/places.js'

const four = ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3']

test('one run gets all devices, several get one each', (t) => {
  t.deepEqual(placesOf(four, 1, undefined), { places: [four], notes: [] })
  t.deepEqual(placesOf(four, 9, undefined), { places: four.map((device) => [device]), notes: [] })
  t.deepEqual(placesOf(['cpu'], 9, undefined), { places: [['cpu']], notes: [] })
})

test('--devices-per-run cuts them', (t) => {
  const pairs = [
    ['cuda:0', 'cuda:1'],
    ['cuda:2', 'cuda:3'],
  ]
  t.deepEqual(placesOf(four, 3, 2), { places: pairs, notes: [] })
  t.like(
    t.throws(() => placesOf(['cpu', 'cpu'], 3, 4)),
    {
      code: 'AOT_DEVICE',
      message: '--devices-per-run 4: only 2 are given (cpu,cpu): name more with --device, or lower it',
    },
  )
  t.like(
    t.throws(() => placesOf(['cpu'], 1, 2)),
    {
      message: '--devices-per-run 2: only one is given (cpu): name more with --device, or lower it',
    },
  )
})

test('devices that no run will have are named', (t) => {
  t.deepEqual(placesOf(four, 9, 3), {
    places: [['cuda:0', 'cuda:1', 'cuda:2']],
    notes: ['--device: cuda:3 will not be used: a run takes 3 of the 4 devices'],
  })
  t.deepEqual(placesOf(four, 2, undefined), {
    places: [['cuda:0'], ['cuda:1']],
    notes: ['--device: cuda:2,cuda:3 will not be used: 2 runs take 2 of the 4 devices'],
  })
  t.deepEqual(placesOf(four, 1, 1).notes, [
    '--device: cuda:1,cuda:2,cuda:3 will not be used: 1 run takes 1 of the 4 devices',
  ])
})

test('cpus share the cores', (t) => {
  t.is(threadsEach([['cpu'], ['cpu']], 4), 2)
  t.is(
    threadsEach(
      [
        ['cpu', 'cpu'],
        ['cpu', 'cuda:0'],
      ],
      8,
    ),
    2,
  )
  t.is(threadsEach([['cpu'], ['cpu'], ['cpu']], 2), 1)
  t.is(threadsEach([['cpu'], ['cuda:0']], 4), undefined)
})
