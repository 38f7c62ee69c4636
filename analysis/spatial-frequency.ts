/**
 * How fine a change of a picture is. The frequency is the centroid of the change's power spectrum: radial frequencies
 * √(u² + v²) in cycles per picture, weighted with the power |F(u,v)|², the constant part included (a change of one flat colour all
 * over has frequency 0). Each picture has its own spectrum and the powers are added: a mean of the changes themselves would lose
 * whatever does not lie at the same pixel in all pictures, that is the fine part first. Channels add up. No window: a picture counts
 * as periodic.
 */
import { dims, type Tensor } from '../model/tensor.ts'
import { powerSpectrum } from './fourier.ts'

/** What a change of pictures looks like; `null` when nothing changed. */
export type Fineness = {
  /** Centroid of the power spectrum, cycles per picture: 0 … about half the pixels a side. */
  readonly frequency: number | null
  /** Share of the picture's pixels, the most changed first, that hold 90 % of the squared change; mean over pictures, 0 … 1. */
  readonly area: number | null
}

/** Below this mean square (of values -1 … 1) a change is rounding. */
const rounding = 1e-12

/** Collects changes a batch at a time; keeps four sums. */
export function finenessMeter(): { add(changed: Tensor, before: Tensor): void; read(): Fineness } {
  let [power, weighted, areas, pictures] = [0, 0, 0, 0]
  return {
    add(changed, before) {
      const { B, H, W, C } = dims(changed, 'B H W C')
      if (before.data.length !== changed.data.length)
        throw new Error(`fineness: pictures [${changed.shape}] were compared with [${before.shape}]; both need one shape`)
      const radius = radii(H, W)
      for (let b = 0; b < B; b++) {
        const squares = new Float64Array(H * W)
        for (let c = 0; c < C; c++) {
          const at = (i: number) => (b * H * W + i) * C + c
          const plane = Float64Array.from({ length: H * W }, (_, i) => changed.data[at(i)] - before.data[at(i)])
          plane.forEach((value, i) => (squares[i] += value ** 2))
          const spectrum = powerSpectrum(plane, H, W)
          spectrum.forEach((value, i) => {
            power += value / (H * W)
            weighted += (value / (H * W)) * radius[i]
          })
        }
        const area = shareHolding(squares, 0.9)
        if (area === null) continue
        areas += area
        pictures++
      }
    },
    read: () => ({ frequency: pictures > 0 ? weighted / power : null, area: pictures > 0 ? areas / pictures : null }),
  }
}

/** Radial frequency of every entry of a spectrum [H,W]: both directions count to half the pixels and back. */
const radii = (H: number, W: number): Float64Array =>
  Float64Array.from({ length: H * W }, (_, i) => {
    const [v, u] = [Math.floor(i / W), i % W]
    return Math.hypot(Math.min(v, H - v), Math.min(u, W - u))
  })

/** Share of the entries, largest first, that hold `share` of the sum; `null` when the sum is but rounding. */
export function shareHolding(squares: Float64Array, share: number): number | null {
  const total = squares.reduce((sum, value) => sum + value, 0)
  if (total <= rounding * squares.length) return null
  const falling = squares.slice().sort().reverse()
  let held = 0
  for (let i = 0; i < falling.length; i++) {
    held += falling[i]
    if (held >= share * total) return (i + 1) / falling.length
  }
  return 1
}
