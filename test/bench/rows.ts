/** Rows and runs for the tests of what a benchmark leaves. */
import type { BenchFile, Machine, Row, Run } from '../../ts/bench/record.js'

/** p20 and p80 lie `spread` (a part) to both sides of the median. */
export function row(name: string, median: number, more: Partial<Row> & { spread?: number } = {}): Row {
  const { spread = 0.01, ...rest } = more
  return {
    bench: 'ops',
    name,
    by: 'arrows-of-time',
    device: 'cpu',
    precision: 'fp32',
    shape: { window: 256, batch: 16 },
    time: { median, p20: median * (1 - spread), p80: median * (1 + spread), repeats: 30 },
    figures: {},
    ...rest,
  }
}

export function run(rows: Row[], machine: Partial<Machine> = {}): Run {
  return {
    date: '2026-11-25T03:30:00.000Z',
    version: '0.1.0',
    commit: '804d981+',
    command: 'aot-bench ops --op "linear, forward"',
    machine: {
      processor: 'A processor, 2 cores',
      cores: 2,
      memory: 24e9,
      system: 'Linux 6.1.0',
      node: 'v20.19.0',
      devices: ['cpu: AVX-512, 2 threads'],
      ...machine,
    },
    noise: { steal: 0.001, others: null },
    rows,
  }
}

export function file(...runs: Run[]): BenchFile {
  return { format: 'aot-bench', runs }
}
