import test from 'ava'
import { native } from '../../ts/native.js'
import { nastyText, randomSource } from './reference.js'

const { plainEnd } = native.tokenizerParts
const implementations = (['scalar', 'avx2', 'avx512'] as const).filter((name) => plainEnd(Buffer.of(), name) !== null)

/** Bytes of the well-formed character at a place; 0 for none (Unicode 16, table 3-7). */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number
  const between = (offset: number, least: number, most: number) => {
    const byte = bytes[at + offset]
    return byte !== undefined && byte >= least && byte <= most
  }
  if (lead < 0x80) return 1
  if (lead >= 0xc2 && lead <= 0xdf) return between(1, 0x80, 0xbf) ? 2 : 0
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (!between(1, least, most) || !between(2, 0x80, 0xbf)) return 0
  if (lead >= 0xe0 && lead <= 0xef) return 3
  return lead >= 0xf0 && lead <= 0xf4 && between(3, 0x80, 0xbf) ? 4 : 0
}

function endByDefinition(bytes: Uint8Array, from = 0): number {
  for (let at = from; at < bytes.length; ) {
    const length = characterLength(bytes, at)
    const separator = bytes[at] === 0xe2 && bytes[at + 1] === 0x80 && (bytes[at + 2] === 0xa8 || bytes[at + 2] === 0xa9)
    if (length === 0 || bytes[at] === 0x0d || separator) return at
    at += length
  }
  return bytes.length
}

/** What is wrong with an implementation's answer. */
function fault(bytes: Uint8Array, expected: number): string | undefined {
  for (const name of implementations) {
    const found = plainEnd(bytes, name) as number
    const early = expected - found
    // Only near the text's end it may stop early, and then at a character.
    const fine =
      early === 0 || (early > 0 && early <= 8 && found > bytes.length - 8 && (bytes[found] as number) >> 6 !== 2)
    if (!fine) return `${name}: ${found}, not ${expected} of ${Buffer.from(bytes).toString('hex')}`
  }
  return undefined
}

test('any four bytes, on every side of a block, are told as the standard has them', (t) => {
  const values = [
    ...[0x00, 0x0a, 0x0d, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xa8, 0xa9, 0xbf],
    ...[0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff],
  ]
  const bytes = new Uint8Array(160).fill(0x61)
  let place = 57
  for (const first of values) {
    for (const second of values) {
      for (const third of values) {
        for (const fourth of values) {
          place = place === 67 ? 57 : place + 1
          bytes.set([first, second, third, fourth], place)
          const wrong = fault(bytes, endByDefinition(bytes, place))
          bytes.fill(0x61, place, place + 4)
          if (wrong !== undefined) return t.fail(wrong)
        }
      }
    }
  }
  t.pass()
})

test('texts of many scripts are plain to the first byte that is not', (t) => {
  const below = randomSource(5)
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(nastyText(below, 20 + below(200)))
    t.is(fault(bytes, endByDefinition(bytes)), undefined)
    bytes[below(bytes.length)] = below(256)
    t.is(fault(bytes, endByDefinition(bytes)), undefined)
    const cut = bytes.subarray(0, below(bytes.length))
    t.is(fault(cut, endByDefinition(cut)), undefined)
  }
})
