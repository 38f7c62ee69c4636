/** Numbers, as people read them. */

/** Decimals that a step needs: 0.01 → 2, 1 → 0. */
export const decimalsOf = (step: number): number =>
  step >= 1 || !(step > 0) ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9))

/** A number in a table or beside a slider: at most `decimals`, without trailing zeros being dropped so that columns stay aligned. */
export const fixed = (value: number, decimals = 2): string => (Number.isFinite(value) ? value.toFixed(decimals) : '–')

/** A share or a cosine, two decimals, without the zero that all of them begin with: .93, -.10, 1.00. */
export const withoutZero = (value: number): string => fixed(value).replace(/^(-?)0\./, '$1.')

/** Seconds of a run: 0.4 s, 12 s, 3 min 05 s. */
export function duration(ms: number): string {
  const s = ms / 1000
  if (s < 10) return `${s.toFixed(1)} s`
  if (s < 100) return `${Math.round(s)} s`
  return `${Math.floor(s / 60)} min ${String(Math.round(s % 60)).padStart(2, '0')} s`
}

/** `value` rounded to the grid of `step` that begins at `min`, then held inside min … max. */
export function snap(value: number, { min, max, step }: { min: number; max: number; step: number }): number {
  const onGrid = step > 0 ? min + Math.round((value - min) / step) * step : value
  return Number(Math.min(max, Math.max(min, onGrid)).toFixed(8))
}
