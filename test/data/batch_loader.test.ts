import test from 'ava'
import {
  type NativeBatchLoader,
  type NativeBatchLoaderOptions,
  type NativeWindowOptions,
  native,
} from '../../ts/native.js'
import { golden, throwsAot } from './helpers.js'

const path = golden('contiguous_int32.h5')

function makeLoader(options: Partial<NativeBatchLoaderOptions> = {}, file = path): NativeBatchLoader {
  return new native.BatchLoader(native.TokenStore.open(file), {
    windows: { attnLength: 9 },
    batchSize: 5,
    part: 'train',
    validWindows: 12,
    split: 'shuffled',
    seed: 42,
    fastScrambling: false,
    ...options,
  })
}

function windowsOf(options: NativeWindowOptions = { attnLength: 9 }) {
  return native.TokenStore.open(path).windows(options)
}

/** The windows of every batch of one epoch, in order. */
function epoch(loader: NativeBatchLoader): number[] {
  return Array.from({ length: loader.batches }, () => [...loader.next().windows]).flat()
}

/** The permutation of fast scrambling, said in big integers: a run that is resumed must find the order it had. */
function scrambled(length: number, seed: bigint): number[] {
  const hash = (value: bigint): bigint => {
    let word = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n)
    word = BigInt.asUintN(64, (word ^ (word >> 27n)) * 0x94d049bb133111ebn)
    return word ^ (word >> 31n)
  }
  const bits = Math.max(2, Math.ceil(Math.log2(length)))
  const keys = range(1, 9).map((i) => hash(BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n * BigInt(i))))
  const step = (value: number): number => {
    let [low, lowBits] = [BigInt(value) & ((1n << BigInt(bits >> 1)) - 1n), bits >> 1]
    let [high, highBits] = [BigInt(value) >> BigInt(lowBits), bits - lowBits]
    for (const key of keys) {
      const mixed = high ^ (hash(BigInt.asUintN(64, low + key)) >> BigInt(64 - highBits))
      ;[low, lowBits, high, highBits] = [mixed, highBits, low, lowBits]
    }
    return Number((high << BigInt(lowBits)) | low)
  }
  return range(0, length).map((place) => {
    let value = step(place)
    while (value >= length) value = step(value)
    return value
  })
}

const ascending = (values: number[]): number[] => [...values].sort((a, b) => a - b)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

test('the shuffled split: the last of the order are validation, the rest training', (t) => {
  const order = [...windowsOf().order(42)]
  const train = makeLoader()
  const valid = makeLoader({ part: 'valid', batchSize: 4 })
  t.is(order.length, 72)
  t.is(train.length, 60)
  t.is(train.batches, 12)
  t.is(valid.length, 12)
  t.is(valid.batches, 3)
  t.is(train.attnLength, 9)
  t.is(train.batchSize, 5)
  t.deepEqual(epoch(train), order.slice(0, 60))
  t.deepEqual(epoch(valid), order.slice(60))
  t.deepEqual(epoch(train), order.slice(0, 60), 'the second epoch repeats the first')
  t.is(train.position, 24)
})

test('rows hold the windows that the batch names', (t) => {
  for (const windows of [{ attnLength: 9 }, { attnLength: 8, fwbw: { forward: 997, backward: 998 } }]) {
    const reference = windowsOf(windows)
    const loader = makeLoader({ windows })
    for (let k = 0; k < 2 * loader.batches; k++) {
      const batch = loader.next()
      t.is(batch.inputs.length, 5 * windows.attnLength)
      batch.windows.forEach((index, row) => {
        const { input, target } = reference.get(index)
        t.deepEqual(batch.inputs.slice(row * windows.attnLength, (row + 1) * windows.attnLength), input)
        t.deepEqual(batch.targets.slice(row * windows.attnLength, (row + 1) * windows.attnLength), target)
      })
    }
  }
})

test('what is left over at the end of the order is left out', (t) => {
  const order = [...windowsOf().order(7)]
  const loader = makeLoader({ batchSize: 7, seed: 7 })
  t.is(loader.batches, 8)
  t.deepEqual(epoch(loader), order.slice(0, 56))
  t.deepEqual([...loader.next().windows], order.slice(0, 7))
})

test('seek makes any batch the next one, exactly', (t) => {
  const loader = makeLoader()
  const first = Array.from({ length: 30 }, () => loader.next())
  for (const batch of [3, 0, 29, 29, 11, 12, 24, 1]) {
    loader.seek(batch)
    t.is(loader.position, batch)
    t.deepEqual(loader.next(), first[batch])
    if (batch < 29) t.deepEqual(loader.next(), first[batch + 1])
  }
  // Far beyond anything counted in 32 bits, and many seeks without a next().
  for (let i = 0; i < 1000; i++) loader.seek(i)
  loader.seek(12 * 10 ** 12 + 5)
  t.deepEqual(loader.next(), first[5])
  t.is(loader.position, 12 * 10 ** 12 + 6)
})

test('the contiguous split: no token of validation is in training', (t) => {
  const firstToken = (index: number) => index * 4
  const train = makeLoader({ split: 'contiguous', batchSize: 1 })
  const valid = makeLoader({ split: 'contiguous', batchSize: 1, part: 'valid' })
  t.deepEqual(epoch(valid), range(60, 72), 'in the order of the text')
  const trained = epoch(train)
  // Windows 58 and 59 reach into validation: 58 * 4 + 9 > 60 * 4.
  t.deepEqual(ascending(trained), range(0, 58))
  t.true(trained.every((index) => firstToken(index) + 9 <= firstToken(60)))
  // The order of training is the shuffle of as many windows.
  const same = native.TokenStore.open(path).windows({ attnLength: 242, stride: 1 })
  t.is(same.length, 58)
  t.deepEqual(trained, [...same.order(42)])
})

test('the contiguous split without validation trains on everything', (t) => {
  const train = makeLoader({ split: 'contiguous', validWindows: 0, batchSize: 1 })
  t.deepEqual(epoch(train), [...windowsOf().order(42)])
})

test('the contiguous split keeps both directions of a stretch on one side', (t) => {
  const windows = { attnLength: 10, stride: 5, fwbw: { forward: 997, backward: 998 } }
  const shared = { windows, split: 'contiguous', batchSize: 1, validWindows: 11 } as const
  const total = windowsOf(windows).length
  t.is(total, 116)
  t.deepEqual(epoch(makeLoader({ ...shared, part: 'valid' })), range(105, 116))
  // Validation begins with the backward reading of stretch 52, from token 260 on; stretch 50 ends there.
  t.deepEqual(ascending(epoch(makeLoader(shared))), range(0, 102))
})

test('fast scrambling visits every window once, in an order of its own', (t) => {
  const options = { fastScrambling: true, batchSize: 1 }
  const all = (seed: number) => [
    ...epoch(makeLoader({ ...options, seed })),
    ...epoch(makeLoader({ ...options, seed, part: 'valid' })),
  ]
  const order = all(42)
  t.deepEqual(ascending(order), range(0, 72))
  t.deepEqual(all(42), order)
  t.notDeepEqual(all(43), order)
  t.notDeepEqual(order, [...windowsOf().order(42)])
  for (const [seed, length] of [
    [42, 72],
    [7, 297],
  ] as const) {
    const loader = makeLoader({ ...options, seed, validWindows: 0, windows: { attnLength: 300 - length, stride: 1 } })
    t.deepEqual(epoch(loader), scrambled(length, BigInt(seed)))
  }
  for (const attnLength of [3, 100, 250, 290, 297, 298, 299]) {
    const loader = makeLoader({ ...options, windows: { attnLength, stride: 1 }, validWindows: 0 })
    t.deepEqual(ascending(epoch(loader)), range(0, 300 - attnLength), `${300 - attnLength} windows`)
  }
})

test('loaders share a store, outlive it, and may be closed or dropped at any moment', (t) => {
  const store = native.TokenStore.open(golden('gzip.h5'))
  const options = {
    windows: { attnLength: 9 },
    batchSize: 5,
    part: 'train',
    validWindows: 12,
    split: 'shuffled',
    seed: 42,
    fastScrambling: false,
  } as const
  const loaders = Array.from({ length: 8 }, () => new native.BatchLoader(store, options))
  const reference = makeLoader()
  store.close()
  for (let k = 0; k < 20; k++) {
    const batch = reference.next()
    for (const loader of loaders) t.deepEqual(loader.next(), batch)
    loaders.pop()?.close()
  }
  for (let i = 0; i < 200; i++) makeLoader().next()
  const closed = makeLoader()
  closed.close()
  closed.close()
  throwsAot(t, () => closed.next(), 'AOT_CONFIG', 'the batch loader is closed')
  throwsAot(t, () => closed.position, 'AOT_CONFIG', 'the batch loader is closed')
  throwsAot(t, () => new native.BatchLoader(store, options), 'AOT_CONFIG', 'the token store is closed')
})

test('an error of reading comes out of the batch that has it, and only there', (t) => {
  const file = golden('too_large.h5')
  const loader = makeLoader({ windows: { attnLength: 3, stride: 2 }, batchSize: 1, validWindows: 0 }, file)
  const order = [...native.TokenStore.open(file).windows({ attnLength: 3, stride: 2 }).order(42)]
  // Token 13 is in windows 6 (12..14) alone.
  const bad = order.indexOf(6)
  const message = `the token at place 13 of ${file} is not a 32-bit id: the file does not hold token ids`
  for (let k = 0; k < bad; k++) t.deepEqual([...loader.next().windows], [order[k]])
  throwsAot(t, () => loader.next(), 'AOT_DATA', message)
  throwsAot(t, () => loader.next(), 'AOT_DATA', message)
  t.is(loader.position, bad)
  loader.seek(bad + 1)
  t.deepEqual([...loader.next().windows], [order[(bad + 1) % order.length]])
})

test('too few windows, and what cannot be, have their line', (t) => {
  const few = (heldOut: number, left: number, part: string, batch: number) =>
    `${path} gives 72 windows of 9 tokens: with ${heldOut} held out for validation, ${left} are left for ${part}, ` +
    `less than one batch of ${batch}; use more text, a smaller batch or fewer validation steps`
  const data = (options: object, message: string) => throwsAot(t, () => makeLoader(options), 'AOT_DATA', message)
  data({ validWindows: 68 }, few(68, 4, 'training', 5))
  data({ validWindows: 100 }, few(100, 0, 'training', 5))
  data({ validWindows: 100, part: 'valid' }, few(100, 0, 'validation', 5))
  data({ validWindows: 4, part: 'valid' }, few(4, 4, 'validation', 5))
  data({ validWindows: 68, split: 'contiguous' }, few(68, 2, 'training', 5))
  data({ validWindows: 72, split: 'contiguous', batchSize: 1 }, few(72, 0, 'training', 1))
  t.is(makeLoader({ validWindows: 67 }).batches, 1)

  const refused = (options: object, message: string) => throwsAot(t, () => makeLoader(options), 'AOT_CONFIG', message)
  refused({ batchSize: 0 }, 'batchSize must be a whole number from 1 to 2147483647')
  refused({ part: 'test' }, "part must be 'train' or 'valid', not 'test'")
  refused({ split: 'other' }, "split must be 'shuffled' or 'contiguous', not 'other'")
  refused({ seed: 1.5 }, 'seed must be a whole number from 0 to 9007199254740992')
  refused({ fastScrambling: undefined }, 'fastScrambling must be true or false')
  refused({ validWindows: 0, part: 'valid' }, 'validWindows is 0: it must be at least 1')
  refused({ windows: 3 }, 'windows must be an object')
  throwsAot(t, () => makeLoader().seek(-1), 'AOT_CONFIG', 'batch must be a whole number from 0 to 9007199254740992')
  const Loader = native.BatchLoader as unknown as new (...args: unknown[]) => unknown
  throwsAot(t, () => new Loader(), 'AOT_CONFIG', 'store must be an open TokenStore')
  throwsAot(t, () => new Loader({}, {}), 'AOT_CONFIG', 'store must be an open TokenStore')
  throwsAot(t, () => new Loader(makeLoader(), {}), 'AOT_CONFIG', 'store must be an open TokenStore')
  throwsAot(t, () => new Loader(native.TokenStore.open(path)), 'AOT_CONFIG', 'options must be an object')
})
