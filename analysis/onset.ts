/** Curves of s over the timesteps of a run, and where they rise. Timesteps fall: a run goes from noise to picture. */

/** Mean over the pictures, and population standard deviation (the figure's band), at every visited timestep. */
export type Curve = { readonly mean: readonly number[]; readonly std: readonly number[] }

/** First timestep, from T-1 downward, at which a curve reaches 10, 50, 90 % of where it ends; null when it does not end above 0. */
export type Onset = { readonly t10: number | null; readonly t50: number | null; readonly t90: number | null }

export const neverRises: Onset = { t10: null, t50: null, t90: null }

/** Where `values` over the falling timesteps `t` first reach `share` of their end. */
export function firstReaches(t: readonly number[], values: ArrayLike<number>, share: number): number | null {
  const end = values[values.length - 1]
  if (!(end > 0)) return null
  for (let i = 0; i < values.length; i++) if (values[i] >= share * end) return t[i]
  return null
}

export const onsets = (t: readonly number[], values: readonly number[]): Onset => ({
  t10: firstReaches(t, values, 0.1),
  t50: firstReaches(t, values, 0.5),
  t90: firstReaches(t, values, 0.9),
})

/** A curve that is built up a batch at a time: keeps sums, not pictures. */
export function curveTally(steps: number): { add(step: number, values: Iterable<number>): void; read(): Curve } {
  const [sums, squares, counts] = [new Float64Array(steps), new Float64Array(steps), new Uint32Array(steps)]
  return {
    add(step, values) {
      for (const value of values) {
        sums[step] += value
        squares[step] += value ** 2
        counts[step]++
      }
    },
    read() {
      const mean = Array.from(sums, (sum, i) => sum / counts[i])
      return { mean, std: Array.from(squares, (square, i) => Math.sqrt(Math.max(0, square / counts[i] - mean[i] ** 2))) }
    },
  }
}
