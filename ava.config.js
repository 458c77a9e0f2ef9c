// npm test runs the fast tests; npm run test:deep the long ones: kills, fuzzing, damage; npm run test:rebuild those that
// build the native code anew: sanitizers, planted mistakes.
const deep = process.env.AOT_DEEP === '1'
const slow = process.env.AOT_DEEP_FOLDER ?? 'deep'

export default {
  files: deep
    ? [`dist/test/${slow}/**/*.test.js`]
    : ['dist/test/**/*.test.js', '!dist/test/deep/**', '!dist/test/rebuild/**'],
  timeout: deep ? '45m' : '5m',
  concurrency: deep ? 1 : 2,
}
