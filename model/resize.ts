import { dims, type Tensor } from './tensor.ts'

/**
 * Antialiased bicubic resizing as the authors' transforms do it on tensors (spec section 4, data transforms):
 * cubic kernel with a = −0.5, widened when shrinking, weights cut at the border and renormalised.
 * Kernels with a = −0.75, which browsers and most image libraries use, differ by up to 0.16.
 */

/** Keys 1981, Eq. 4 with a = −0.5. */
function cubic(x: number): number {
  const a = -0.5,
    d = Math.abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0
}

type Taps = { readonly from: number; readonly weights: Float64Array }

/** For every output position, which input positions it sums and with which weights. */
function tapsFor(input: number, output: number): Taps[] {
  const scale = input / output,
    widen = Math.max(1, scale),
    support = 2 * widen
  return Array.from({ length: output }, (_, i) => {
    const centre = (i + 0.5) * scale
    const from = Math.max(Math.floor(centre - support + 0.5), 0)
    const to = Math.min(Math.floor(centre + support + 0.5), input)
    const weights = Float64Array.from({ length: to - from }, (_, k) => cubic((from + k - centre + 0.5) / widen))
    const sum = weights.reduce((total, w) => total + w, 0)
    return { from, weights: weights.map(w => w / sum) }
  })
}

/** One axis of data seen as [outer, axis, inner]. */
function alongAxis(data: Float32Array, outer: number, axis: number, inner: number, taps: readonly Taps[]): Float32Array {
  const out = new Float32Array(outer * taps.length * inner)
  for (let o = 0; o < outer; o++)
    taps.forEach(({ from, weights }, i) => {
      const target = (o * taps.length + i) * inner
      for (let n = 0; n < inner; n++) {
        let sum = 0
        for (let k = 0; k < weights.length; k++) sum += weights[k] * data[(o * axis + from + k) * inner + n]
        out[target + n] = sum
      }
    })
  return out
}

/**
 * images [B,H,W,C] → [B,height,width,C], proportions not kept (the authors squash). Values may overshoot their range a
 * little, as in the authors' pipeline; nothing is clamped. Same size in and out gives the same values.
 */
export const resizeBicubic = (images: Tensor, height: number, width: number): Tensor => resize(images, height, width, tapsFor)

/** Between the two nearest input positions, without widening when shrinking: PyTorch's `interpolate(mode='bilinear')`. */
function linearTaps(input: number, output: number): Taps[] {
  return Array.from({ length: output }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * input) / output - 0.5)
    const from = Math.min(Math.floor(at), input - 1)
    return { from, weights: from === input - 1 ? Float64Array.of(1) : Float64Array.of(1 - (at - from), at - from) }
  })
}

/** images [B,H,W,C] → [B,height,width,C], bilinear and not antialiased, as pytorch-fid brings pictures to Inception's size. */
export const resizeBilinear = (images: Tensor, height: number, width: number): Tensor => resize(images, height, width, linearTaps)

function resize(images: Tensor, height: number, width: number, tapsOf: typeof tapsFor): Tensor {
  const { B, H, W, C } = dims(images, 'B H W C')
  if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0))
    throw new Error(`resize: wanted a size of whole pixels, got ${height}×${width}`)
  // The authors' code resizes the width first; the order shows only in the last bits.
  const wide = W === width ? images.data : alongAxis(images.data, B * H, W, C, tapsOf(W, width))
  const data = H === height ? wide : alongAxis(wide, B, H, width * C, tapsOf(H, height))
  return { shape: [B, height, width, C], data }
}
