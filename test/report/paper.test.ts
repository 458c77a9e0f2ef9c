/** The paper's values, as its pictures give them. */
import test from 'ava'
import { paperContexts, paperLanguageOf, paperLanguages, paperSizes } from '../../ts/report/paper.js'

const round = (value: number, digits: number) => Number(value.toFixed(digits))

test('languages: losses and the ratio that the authors name with them', (t) => {
  const percents = Object.fromEntries(paperLanguages.map(({ code, ratio }) => [code, round(100 * ratio, 1)]))
  t.deepEqual(percents, { en: 0.8, fr: 2.6, fi: 1.1, tr: 0.9, de: 1.5, id: 2.2, el: 2.4, vi: 1.6 })
  t.is(round(100 * (paperLanguages[0]?.ratio ?? 0), 2), 0.76)
  t.deepEqual(
    paperLanguages.filter(({ approximate }) => !approximate).map(({ code }) => code),
    ['en', 'fr'],
  )
  t.true(paperLanguages.every(({ fw, bw }) => fw > 2.4 && bw > fw && bw < 3.5))
})

test('context lengths grow, and so does the arrow', (t) => {
  for (const values of Object.values(paperContexts)) {
    t.true(
      values
        .slice(1)
        .every(
          ({ length, ratio }, index) => length > (values[index]?.length ?? 0) && ratio > (values[index]?.ratio ?? 0),
        ),
    )
  }
  t.is(paperContexts.French.at(-1)?.ratio, 0.0292)
  t.is(paperContexts.English.at(-1)?.ratio, 0.0102)
  t.deepEqual(
    paperContexts.French.filter(({ approximate }) => approximate).map(({ length }) => length),
    [4, 8, 24, 48, 96],
  )
})

test('sizes: the smallest have the reverse sign; the ratio follows from the difference over the mean', (t) => {
  const sign = (kind: string) => paperSizes.filter((size) => size.kind === kind).map(({ ratio }) => Math.sign(ratio))
  t.deepEqual(['gpt', 'gru', 'lstm'].map(sign), [
    [-1, 1, 1],
    [-1, 1, 1],
    [-1, 1, 1],
  ])
  for (const { relative, ratio } of paperSizes) {
    const [fw, bw] = [1, 1 + ratio]
    t.true(Math.abs((bw - fw) / ((bw + fw) / 2) - relative) < 1e-12)
  }
})

test('the language of data is known by a word of its name or its folder', (t) => {
  const code = (path: string) => paperLanguageOf(path)?.code ?? null
  t.is(code('data/fr.h5'), 'fr')
  t.is(code('/mnt/de/tokens/cc100_french.h5'), 'fr')
  t.is(code('corpora/Greek/tokens.h5'), 'el')
  t.is(code('data/wiki.h5'), null)
  t.is(code('/id/data/wiki.h5'), null)
  t.is(code('data/friends.h5'), null)
})
