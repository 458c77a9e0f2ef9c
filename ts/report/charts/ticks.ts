/** Where the ticks of logarithmic axes stand. */

/** Powers of two that the lengths reach. */
export function powersOfTwo(values: readonly number[]): number[] {
  const [low, high] = [Math.ceil(Math.log2(Math.min(...values))), Math.floor(Math.log2(Math.max(...values)))]
  const all = Array.from({ length: Math.max(0, high - low + 1) }, (_, index) => 2 ** (low + index))
  return all.length > 0 ? all : [...new Set(values)]
}

/** Every tick, or every second, third, ... : as many as have room beside each other. `widths` of their texts, in pixels. */
export function ticksWithRoom(ticks: readonly number[], widths: readonly number[], room: number): number[] {
  const most = Math.max(1, Math.floor(room / (Math.max(0, ...widths) + 6)))
  const every = Math.ceil(ticks.length / most)
  return ticks.filter((_, index) => index % every === 0)
}

/** 1, 2 and 5 times powers of ten that the sizes reach; the powers alone where those are many. */
export function decades(...values: (readonly number[])[]): number[] {
  const all = values.flat()
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const powers = Array.from({ length: 14 }, (_, power) => 10 ** power)
  const fine = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter((value) => value >= low && value <= high)
  return fine.length > 5 ? fine.filter((value) => Number.isInteger(Math.log10(value))) : fine
}
