import test from 'ava'
import { oneDevice, parseDevices } from '../../ts/devices/parse.js'

test('device strings', (t) => {
  t.deepEqual(parseDevices(['cpu']), ['cpu'])
  t.deepEqual(parseDevices(['cuda']), ['cuda:0'])
  t.deepEqual(parseDevices(['cuda:1, CUDA:00,cpu,cpu', 'emulated', 'reference']), [
    'cuda:1',
    'cuda:0',
    'cpu',
    'cpu',
    'emulated',
    'reference',
  ])
})

for (const [text, message] of [
  ['gpu', '--device: "gpu" is no device; known are cpu, cuda:N, emulated, reference'],
  ['cpu,cuda:x', '--device: "cuda:x" in "cpu,cuda:x" is no device; known are cpu, cuda:N, emulated, reference'],
  ['cpu,,cpu', '--device: an empty name in "cpu,,cpu" is no device; known are cpu, cuda:N, emulated, reference'],
  ['cuda:-1', '--device: "cuda:-1" is no device; known are cpu, cuda:N, emulated, reference'],
  ['', '--device: an empty name is no device; known are cpu, cuda:N, emulated, reference'],
] as const) {
  test(`no device: ${JSON.stringify(text)}`, (t) => {
    t.like(
      t.throws(() => parseDevices([text])),
      { code: 'AOT_DEVICE', message },
    )
  })
}

test('most commands use one device', (t) => {
  t.is(oneDevice(['cuda:1']), 'cuda:1')
  t.like(
    t.throws(() => oneDevice(['cuda:0', 'cuda:1'])),
    {
      code: 'AOT_DEVICE',
      message: '--device: cuda:0,cuda:1 are 2 devices, and this works on one: give one',
    },
  )
})
