/** Numbers as a reader wants them: enough digits to compare, the same number of decimals down a column. */

const MINUS = '\u2212'

/** How one column of a table writes its numbers: counts as they are, others with three digits of the largest; 1 has as many decimals as .989 beside it. */
export function digitsOf(values: readonly number[]): (value: number) => string {
  const finite = values.filter(Number.isFinite)
  if (finite.every(Number.isInteger)) return value => signed(value, grouped(Math.abs(value)))
  const top = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const decimals = Math.min(6, Math.max(top < 1000 ? 1 : 0, 3 - Math.ceil(Math.log10(top))))
  return value => signed(value, fixedOrShort(Math.abs(value), decimals))
}

/** The same number of decimals for all, three digits of the largest: for figures, where nothing small stands out. */
export function fixedDigitsOf(values: readonly number[]): (value: number) => string {
  const top = values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0)
  if (top >= 1e6 || (top > 0 && top < 1e-4)) return value => signed(value, Math.abs(value).toExponential(1))
  const isWhole = values.every(Number.isInteger)
  const decimals = isWhole ? 0 : Math.min(6, Math.max(0, 3 - Math.ceil(Math.log10(top || 1))))
  return value => fixed(value, decimals)
}

/** So many decimals, with a true minus sign; what rounds to 0 has none. */
export function fixed(value: number, decimals: number): string {
  const size = Math.abs(value).toFixed(decimals)
  return Number(size) === 0 ? size : signed(value, size)
}

/** A number that stands alone: counts in full, others to three digits. */
export const digits = (value: number): string => digitsOf([value])(value)

/** Small neighbours of large numbers keep two digits of their own: 0.0004 beside 12.5 is not 0. */
function fixedOrShort(size: number, decimals: number): string {
  if (size >= 1e7) return size.toExponential(2)
  const text = size.toFixed(decimals)
  if (Math.abs(Number(text) - size) <= 0.05 * size) return size >= 10_000 ? grouped(Math.round(size)) : text
  return size < 1e-4 ? size.toExponential(1) : String(Number(size.toPrecision(2)))
}

const grouped = (size: number): string => (size >= 1e15 ? size.toExponential(2) : size < 10_000 ? String(size) : commas(size))
const commas = (whole: number): string => String(whole).replace(/\B(?=(\d{3})+$)/g, ',')

const signed = (value: number, size: string): string => (!Number.isFinite(value) ? '–' : value < 0 ? `${MINUS}${size}` : size)
