/**
 * |X|² of one plane [H,W] of values, row-major, at every pair of frequencies, X = Σ x exp(-2πi(vy/H + ux/W)), not normalised:
 * Σ|X|² = H·W·Σx² (Parseval). Row by row, then column by column, by the definition: any size, and quick enough for pictures.
 */
export function powerSpectrum(plane: Float64Array, H: number, W: number): Float64Array {
  const size = H * W
  const [re, im, power] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)]
  const [across, down] = [turns(W), turns(H)]
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++) {
      const value = plane[y * W + x]
      if (value === 0) continue
      for (let u = 0, k = 0; u < W; u++, k = (k + x) % W) {
        re[y * W + u] += value * across.cos[k]
        im[y * W + u] -= value * across.sin[k]
      }
    }
  const [sumRe, sumIm] = [new Float64Array(W), new Float64Array(W)]
  for (let v = 0; v < H; v++) {
    sumRe.fill(0)
    sumIm.fill(0)
    for (let y = 0, k = 0; y < H; y++, k = (k + v) % H) {
      const [cos, sin] = [down.cos[k], down.sin[k]]
      for (let u = 0, i = y * W; u < W; u++, i++) {
        sumRe[u] += re[i] * cos + im[i] * sin
        sumIm[u] += im[i] * cos - re[i] * sin
      }
    }
    for (let u = 0; u < W; u++) power[v * W + u] = sumRe[u] ** 2 + sumIm[u] ** 2
  }
  return power
}

/** Cosine and sine of every N-th part of a turn. */
const turns = (N: number): { cos: Float64Array; sin: Float64Array } => ({
  cos: Float64Array.from({ length: N }, (_, k) => Math.cos((2 * Math.PI * k) / N)),
  sin: Float64Array.from({ length: N }, (_, k) => Math.sin((2 * Math.PI * k) / N)),
})
