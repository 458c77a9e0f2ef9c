/** What of a text is shown while it is made. */
import test from 'ava'
import { promptIds, textOf, visible } from '../../ts/generate/text.js'
import type { NativeTokenizer } from '../../ts/native.js'

/** A token is a byte. */
const bytes = { decode: (ids: Int32Array) => Buffer.from(ids).toString('utf8') } as NativeTokenizer
const text = 'naïve — 日本語 ελληνικά עברית 🙂👩‍👩‍👧 e\u0301'

test('growing to the right: every step shows whole characters, and only adds', (t) => {
  const ids = Int32Array.from(Buffer.from(text))
  let before = ''
  for (let end = 0; end <= ids.length; end++) {
    const shown = textOf(bytes, ids.subarray(0, end), 'end')
    t.true(shown.startsWith(before) && text.startsWith(shown), `${end}: ${shown}`)
    before = shown
  }
  t.is(before, text)
  t.is(textOf(bytes, ids.subarray(0, 3), 'none'), 'na\ufffd')
})

test('growing in front: every step shows whole characters, and only adds', (t) => {
  const ids = Int32Array.from(Buffer.from(text))
  let before = ''
  for (let start = ids.length; start >= 0; start--) {
    const shown = textOf(bytes, ids.subarray(start), 'start')
    t.true(shown.endsWith(before) && text.endsWith(shown), `${start}: ${shown}`)
    before = shown
  }
  t.is(before, text)
  t.is(textOf(bytes, ids.subarray(3), 'none').slice(0, 1), '\ufffd')
})

test('places that are not known yet are marked, and what stands between them shows no half characters', (t) => {
  const ids = Int32Array.from(Buffer.from('aïb'))
  t.is(textOf(bytes, Int32Array.of(-1, ids[1] as number, -1, -1), 'both'), '···')
  t.is(textOf(bytes, Int32Array.of(ids[0] as number, ids[1] as number, ids[2] as number, -1), 'both'), 'aï·')
  t.is(textOf(null, Int32Array.of(5, -1, 7), 'both'), '5 · 7')
  t.is(textOf(bytes, Int32Array.of(65, -1), 'both', { clean: (x) => x.toLowerCase(), gap: '?' }), 'a?')
})

test('nothing that the model writes steers the terminal', (t) => {
  t.is(visible('a\x1b[2Jb\rc\x07\x7f\x9bd\te\nf\u2028g'), 'a␛[2Jb␍c␇␡\ufffdd    e\nf\ng')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
  t.notRegex(visible(String.fromCharCode(...Array(256).keys())), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

test('without a tokenizer a prompt is a list of ids', (t) => {
  t.deepEqual(promptIds(null, ' 12  7\n9', 13), Int32Array.of(12, 7, 9))
  t.deepEqual(promptIds(null, '', 13), new Int32Array(0))
  for (const wrong of ['12 x', '13', '-1', '1.5']) {
    t.throws(() => promptIds(null, wrong, 13), {
      code: 'AOT_CONFIG',
      message: /is no token id below 13; without a tokenizer/,
    })
  }
})
