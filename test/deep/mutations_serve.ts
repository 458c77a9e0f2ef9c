/** Planted mistakes of aot-report: what it finds, writes and serves. */
import { inFile } from './mutation.js'

export const serve = [
  ...inFile(
    'ts/report/server.ts',
    'report/server',
    ['other machines are answered', "const address = '127.0.0.1'", "const address = '0.0.0.0'"],
    ['any name may lead here', "if (!ourNames.test(headers.host ?? ''))", 'if (headers.host === undefined)'],
    ['a name that ends as ours may lead here', '/^(127', '/(127'],
    ['all methods are GET', "if (method !== 'GET' && method !== 'HEAD')", "if (method === '')"],
    ['a page of before is shown', '    this.#page = null\n', ''],
  ),
  ...inFile(
    'ts/report/event_stream.ts',
    'report/server',
    ['who is slow is sent all', 'if (listener.writableNeedDrain) this.#behind.add(listener)\n      else ', ''],
    ['a carriage return ends a message', 'split(/\\r\\n|\\r|\\n/)', "split('\\n')"],
    ['who has gone is kept', '      this.#listeners.delete(listener)\n', ''],
  ),
  ...inFile('ts/report/content_policy.ts', 'report/server', [
    'any script may run',
    "hashes.length > 0 ? hashes.join(' ') : \"'none'\"",
    '"\'unsafe-inline\'"',
  ]),
  ...inFile(
    'ts/report/watch.ts',
    'report/watch',
    ['what has not changed is read', 'if (stamp === this.#stamp) return', ''],
    ['trouble that comes again is not told', "      this.#trouble = ''\n", ''],
  ),
  ...inFile(
    'ts/report/collect.ts',
    'report/collect',
    ['sources of other steps are kept', 'state(before) === state(result) ? before.sources : null', 'before.sources'],
    ['an arrow.json older than its runs is taken', 'changedAt(run) <= written', 'changedAt(run) > 0'],
    ['an unfinished arrow.json is taken', 'kept.every(({ finished }) => finished) && ', ''],
    ['a run that grew is not read again', 'if (before?.stamp === stamp)', 'if (before !== undefined)'],
  ),
  ...inFile(
    'ts/report/find_runs.ts',
    'report/find_runs',
    ['runs are looked for in the states of runs', "'state', ", ''],
    ['a folder by two paths counts twice', '  if (seen.has(place)) return\n', ''],
  ),
  ...inFile('ts/arrow/comparison.ts', 'report/collect', [
    'results are not looked at',
    "checked(path, result, one, ['results', index])",
    'void [index, one]',
  ]),
  ...inFile(
    'ts/report/write.ts',
    'report/write',
    ["others' pictures are removed", " && (await readFile(join(folder, file), 'utf8')).endsWith(mark)", ''],
    ['pictures of before stay', '!kept.has(name) && ', 'kept.has(name) && '],
  ),
]
