import test from 'ava'
import { findNvcc, parseReport, problems, table } from './device_code.js'

const output = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z4plainv' for 'sm_90'
ptxas info    : Function properties for _Z4plainv
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 30 registers, used 0 barriers
ptxas info    : Compile time = 34.090 ms
ptxas info    : Compiling entry function '_Z7productv' for 'sm_90'
ptxas info    : Function properties for _Z7productv
    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Function properties for helper
    8 bytes stack frame, 2 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 8 bytes cumulative stack size, 1024 bytes smem
ptxas info    : Compile time = 28.611 ms
`
const ptx = `.version 9.0
.entry _Z4plainv(
{
  // a word with mma in it: comma.sync
}
.visible .entry _Z7productv(
{
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1};
  wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f1};
}
`

test('the report of ptxas', (t) => {
  const { kernels, messages } = parseReport('x.cu', output, ptx)
  t.deepEqual(messages, [])
  t.deepEqual(kernels, [
    { file: 'x.cu', name: '_Z4plainv', registers: 30, sharedBytes: 0, spillStores: 0, spillLoads: 0, mma: 0 },
    { file: 'x.cu', name: '_Z7productv', registers: 255, sharedBytes: 1024, spillStores: 6, spillLoads: 12, mma: 2 },
  ])
  t.regex(table([parseReport('x.cu', output, ptx)]), /^x\.cu .* 255 +1024 +18 +2$/m)
})

test('spills, warnings and errors are problems', (t) => {
  const report = parseReport('x.cu', output, ptx)
  t.deepEqual(problems([report], {}), ['x.cu: _Z7productv spills: 6 bytes stored, 12 bytes loaded'])
  const warning = 'cuda/y.cu(3): warning #177-D: variable "a" was declared but never referenced'
  t.deepEqual(problems([parseReport('y.cu', `${warning}\n`, '')], {}), ['y.cu: the compiler warns', warning])
  const failed = { file: 'z.cu', kernels: [], messages: ['z.cu(1): error'], failed: true }
  t.deepEqual(problems([failed], { 'z.cu': ['kernel'] }), ['z.cu: does not compile', 'z.cu(1): error'])
})

test('missing tensor-core instructions are problems', (t) => {
  const reports = [
    parseReport('x.cu', output.replaceAll('12 bytes', '0 bytes').replaceAll(/[24] bytes/g, '0 bytes'), ptx),
  ]
  t.deepEqual(problems(reports, { 'x.cu': ['product'] }), [])
  t.deepEqual(problems(reports, { 'x.cu': ['plain'] }), ['x.cu: _Z4plainv has no tensor-core instruction (mma)'])
  t.deepEqual(problems(reports, { 'x.cu': ['other'] }), [
    'x.cu: there is no kernel other, which is to run on tensor cores',
  ])
})

test('nvcc is looked for where CMake does, and may be absent', (t) => {
  t.is(findNvcc({ CUDA_HOME: '/nowhere', PATH: '/nowhere/bin' }) ?? 'none', findNvcc({ PATH: '' }) ?? 'none')
})
