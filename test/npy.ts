import { readFileSync } from 'node:fs'
import { sizeOf, type Tensor } from '../model/tensor.ts'

/** Reads a NumPy v1.0 file, C order, of float32, float64, int32 or uint8, as float32 (exact for the small integers used). */
export function readNpy(path: string): Tensor {
  const file = readFileSync(path)
  const header = file.toString('latin1', 10, 10 + file.readUInt16LE(8))
  const type = /'descr': '(.+?)'/.exec(header)?.[1]
  const shape = [...(/'shape': \((.*?)\)/.exec(header)?.[1] ?? '').matchAll(/\d+/g)].map(Number)
  const bytes = file.buffer.slice(file.byteOffset + 10 + file.readUInt16LE(8), file.byteOffset + file.byteLength)
  const arrays = { '<f4': Float32Array, '<f8': Float64Array, '<i4': Int32Array, '|u1': Uint8Array }
  const Kind = arrays[type as keyof typeof arrays]
  if (!Kind || header.includes("'fortran_order': True")) throw new Error(`${path}: cannot read ${header.trim()}`)
  const data = Float32Array.from(new Kind(bytes))
  if (data.length !== sizeOf(shape)) throw new Error(`${path}: ${data.length} numbers do not fill [${shape}]`)
  return { shape, data }
}

/** PyTorch's order of axes to ours: the last three axes C,H,W become H,W,C; leading axes stay. */
export function channelsLast({ shape, data }: Tensor): Tensor {
  const [C, H, W] = shape.slice(-3)
  const out = new Float32Array(data.length)
  const area = H * W
  for (let start = 0; start < data.length; start += C * area)
    for (let c = 0; c < C; c++) for (let p = 0; p < area; p++) out[start + p * C + c] = data[start + c * area + p]
  return { shape: [...shape.slice(0, -3), H, W, C], data: out }
}

/** Largest absolute difference; NaN when either holds one. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`maxDifference: ${a.length} against ${b.length} numbers`)
  let max = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i])
    if (!(difference <= max)) max = difference
  }
  return max
}
