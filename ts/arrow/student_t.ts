/** Student's t distribution, for any positive number of degrees of freedom. */

/** ln of the gamma function: Stirling's series from 10 on, which smaller arguments are brought to by x gamma(x) = gamma(x + 1). */
function logGamma(x: number): number {
  let factors = 1
  let at = x
  for (; at < 10; at++) factors *= at
  const square = at * at
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square) / square) / square) / at
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series - Math.log(factors)
}

/** The continued fraction of the incomplete beta function, by Lentz's method; converges fast for x < (a + 1) / (a + b + 2). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= 10000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return fraction
}

/** The regularised incomplete beta function I_x(a, b); `rest` is 1 - x, given apart so that it keeps its digits. */
function incompleteBeta(x: number, rest: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (rest <= 0) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(rest))
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(x, a, b)) / a
  return 1 - (front * betaFraction(rest, b, a)) / b
}

/** P(T > t) for t >= 0. */
function upperTail(t: number, degrees: number): number {
  const sum = degrees + t * t
  return incompleteBeta(degrees / sum, (t * t) / sum, degrees / 2, 0.5) / 2
}

/** The t of which T stays below with `probability`, which is between 0 and 1; `degrees` above 0. */
export function tQuantile(probability: number, degrees: number): number {
  if (!(probability > 0 && probability < 1) || !(degrees > 0)) {
    throw new RangeError(`no quantile: probability ${probability}, ${degrees} degrees of freedom`)
  }
  if (probability < 0.5) return -tQuantile(1 - probability, degrees)
  const tail = 1 - probability
  let high = 1
  while (upperTail(high, degrees) > tail && high < 1e300) high *= 2
  let low = 0
  // Bisection: the tail falls everywhere, and 80 halvings leave no bit.
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2
    if (upperTail(middle, degrees) > tail) low = middle
    else high = middle
  }
  return (low + high) / 2
}
