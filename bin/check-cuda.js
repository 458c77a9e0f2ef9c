#!/usr/bin/env node
// npm run check:cuda: the device code, compiled and judged (test/cuda/device_code.ts). --table prints every kernel.
import { architecture, compileAll, findNvcc, problems, table } from '../dist/test/cuda/device_code.js'

const nvcc = findNvcc()
if (nvcc === null) {
  console.log('check:cuda: not run: nvcc was not found (install the CUDA toolkit, or set CUDA_HOME)')
  process.exitCode = process.env.AOT_REQUIRE_NVCC === '1' ? 1 : 0
} else {
  const reports = await compileAll(nvcc, 2)
  if (process.argv.includes('--table')) console.log(table(reports))
  for (const line of problems(reports)) {
    console.log(`check:cuda: ${line}`)
    process.exitCode = 1
  }
  const kernels = reports.reduce((count, report) => count + report.kernels.length, 0)
  const verdict = process.exitCode ? 'not ok' : 'ok'
  console.log(`${verdict} - check:cuda: ${reports.length} files, ${kernels} kernels for ${architecture}`)
}
