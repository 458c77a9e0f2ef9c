// npm test runs the fast tests; npm run test:deep the long ones: kills, fuzzing, damage, sanitizers, planted mistakes.
const deep = process.env.AOT_DEEP === '1'

export default {
  files: deep ? ['dist/test/deep/**/*.test.js'] : ['dist/test/**/*.test.js', '!dist/test/deep/**'],
  timeout: deep ? '45m' : '5m',
  concurrency: deep ? 1 : 2,
  workerThreads: false, // the emulated device's settings are those of a process
}
