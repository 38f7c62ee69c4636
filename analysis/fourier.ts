/** The discrete Fourier transform of pictures, of any size: powers and other composites by halves, what is odd directly. */

/** A list of complex numbers. */
export type Complex = { readonly re: Float64Array; readonly im: Float64Array }

/** X_k = Σ x_n exp(-2πi·kn/N), not normalised (Cooley & Tukey 1965). */
export function transform({ re, im }: Complex): Complex {
  const N = re.length
  if (N % 2 === 1) return directly({ re, im })
  const half = N / 2
  const part = (odd: 0 | 1) => ({
    re: Float64Array.from({ length: half }, (_, i) => re[2 * i + odd]),
    im: Float64Array.from({ length: half }, (_, i) => im[2 * i + odd]),
  })
  const [even, odd] = [transform(part(0)), transform(part(1))]
  const out = { re: new Float64Array(N), im: new Float64Array(N) }
  for (let k = 0; k < half; k++) {
    const [cos, sin] = [Math.cos((2 * Math.PI * k) / N), -Math.sin((2 * Math.PI * k) / N)]
    const [re, im] = [cos * odd.re[k] - sin * odd.im[k], cos * odd.im[k] + sin * odd.re[k]]
    out.re[k] = even.re[k] + re
    out.im[k] = even.im[k] + im
    out.re[k + half] = even.re[k] - re
    out.im[k + half] = even.im[k] - im
  }
  return out
}

function directly({ re, im }: Complex): Complex {
  const N = re.length
  const out = { re: new Float64Array(N), im: new Float64Array(N) }
  for (let k = 0; k < N; k++)
    for (let n = 0; n < N; n++) {
      const angle = (-2 * Math.PI * k * n) / N
      out.re[k] += Math.cos(angle) * re[n] - Math.sin(angle) * im[n]
      out.im[k] += Math.cos(angle) * im[n] + Math.sin(angle) * re[n]
    }
  return out
}

/** |X|² of one plane [H,W] of values, row-major, at every pair of frequencies. Σ|X|² = H·W·Σx² (Parseval). */
export function powerSpectrum(plane: Float64Array, H: number, W: number): Float64Array {
  const re = Float64Array.from(plane)
  const im = new Float64Array(H * W)
  const along = (count: number, length: number, at: (line: number, i: number) => number) => {
    for (let line = 0; line < count; line++) {
      const places = Array.from({ length }, (_, i) => at(line, i))
      const found = transform({ re: Float64Array.from(places, p => re[p]), im: Float64Array.from(places, p => im[p]) })
      places.forEach((place, i) => {
        re[place] = found.re[i]
        im[place] = found.im[i]
      })
    }
  }
  along(H, W, (y, x) => y * W + x)
  along(W, H, (x, y) => y * W + x)
  return re.map((value, i) => value ** 2 + im[i] ** 2)
}
