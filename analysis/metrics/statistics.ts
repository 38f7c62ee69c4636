/** Mean of the numbers that are there; `null` when none is. Attributes without an answer (one class only) are left out. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null
}

/** Population standard deviation (divided by n, as the authors report it) of the numbers that are there. */
export function stdOf(values: readonly (number | null)[]): number | null {
  const mean = meanOf(values)
  const variance = mean === null ? null : meanOf(values.map(value => (value === null ? null : (value - mean) ** 2)))
  return variance === null ? null : Math.sqrt(variance)
}

/** Quantile 0 … 1 of ascending values, linear between neighbours (NumPy's default). */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  if (ascending.length === 0) throw new Error('quantile: no values')
  const at = q * (ascending.length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, ascending.length - 1)
  return ascending[below] + (at - below) * (ascending[above] - ascending[below])
}

/** 95 % interval of a share of `count` pictures (Wilson 1927): stays within 0 … 1, also when all or none are right. */
export function shareInterval(right: number, count: number): { readonly low: number; readonly high: number } {
  if (!(count > 0)) throw new Error(`shareInterval: wants at least 1 picture, got ${count}`)
  const [share, z2n] = [right / count, 1.96 ** 2 / count]
  const middle = (share + z2n / 2) / (1 + z2n)
  const half = Math.sqrt(z2n * (share * (1 - share) + z2n / 4)) / (1 + z2n)
  // With none or all right an end is the share itself, whatever the last bit says.
  return { low: right === 0 ? 0 : middle - half, high: right === count ? 1 : middle + half }
}
