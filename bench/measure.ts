/** What a benchmark gives, and how times are taken on a machine that does other things too. */

export type Measure = {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it is compared with, its value in the same unit, and value over that one's. */
  readonly against?: string
  readonly againstValue?: number
  readonly ratio?: number
  /** What should hold: the ratio, or without one the value, is at most this. */
  readonly limit?: number
  /** The largest |Δ| between the two results, where both compute the same. */
  readonly difference?: number
}

export type BenchOptions = {
  /** Repetitions of what takes milliseconds; slower things take fewer. */
  readonly rounds: number
  say(line: string): void
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** ms that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/**
 * Two ways to do the same, taken in turns (A B B A …) so that both see the same weather; each once before, unmeasured.
 * The ratio is the median of the ratios of neighbours: a disturbance spoils a pair, not the result.
 */
export async function compared(
  a: () => Promise<number>,
  b: () => Promise<number>,
  rounds: number,
): Promise<{ a: number; b: number; ratio: number }> {
  await a()
  await b()
  const pairs: [number, number][] = []
  for (let round = 0; round < rounds; round++) {
    const first = await (round % 2 ? b : a)()
    const second = await (round % 2 ? a : b)()
    pairs.push(round % 2 ? [second, first] : [first, second])
  }
  return { a: median(pairs.map(([a]) => a)), b: median(pairs.map(([, b]) => b)), ratio: median(pairs.map(([a, b]) => a / b)) }
}

/** The largest |a − b|. */
export const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), a.length === b.length ? 0 : Infinity)
