/** Conversions between float32 and the two 16-bit floats of weight files. Node 20 has no Float16Array. */

const bits = new Uint32Array(1)
const value = new Float32Array(bits.buffer)

/** IEEE 754 binary16 → float32, exact. */
export function widenHalf(h: number): number {
  const sign = h & 0x8000 ? -1 : 1
  const exponent = (h >> 10) & 0x1f
  const fraction = h & 0x3ff
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** float32 → IEEE 754 binary16, to nearest, ties to even; beyond ±65504 it becomes infinite. */
export function narrowHalf(x: number): number {
  value[0] = x
  const b = bits[0]
  const sign = (b >>> 16) & 0x8000
  const magnitude = b & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 a half is a whole number of 2^-24: the sum leaves that number, rounded by the FPU, in the low bits.
  if (magnitude < 0x38800000) {
    value[0] = Math.abs(x) + 0.5
    return sign | (bits[0] - 0x3f000000)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

let everyHalf: Float32Array | undefined

/** Many halves at once, by looking each of the 65,536 up. */
export function widenHalves(halves: Uint16Array): Float32Array {
  const table = (everyHalf ??= Float32Array.from({ length: 65_536 }, (_, h) => widenHalf(h)))
  const out = new Float32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]]
  return out
}

export function narrowHalves(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = narrowHalf(values[i])
  return out
}

/** bfloat16 is the upper half of a float32: exact. */
export function widenBFloats(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = halves[i] << 16
  return new Float32Array(out.buffer)
}
