import { tensor, type Tensor } from './tensor.ts'

/**
 * The frozen sinusoid table [rows,width] (spec section 1.2): row t = [sin(t·f_0) …, cos(t·f_0) …] with
 * f_k = 10000^(−k/(width/2 − 1)). Rounded to float32 at each step as the authors' table is: at t = 999 it shows.
 */
export function timeTable(rows: number, width: number): Tensor {
  if (width % 2 || width < 4) throw new Error(`time embedding: width ${width} must be even and at least 4`)
  const half = width / 2
  const decay = Math.fround(Math.log(10_000) / (half - 1))
  const frequency = Float32Array.from({ length: half }, (_, k) => Math.exp(Math.fround(-k * decay)))
  const data = new Float32Array(rows * width)
  for (let t = 0; t < rows; t++)
    for (let k = 0; k < half; k++) {
      const angle = Math.fround(t * frequency[k])
      data[t * width + k] = Math.sin(angle)
      data[t * width + half + k] = Math.cos(angle)
    }
  return tensor([rows, width], data)
}
