/** An idx file of unsigned bytes, as MNIST and its kin come in. */
export const idx = (shape: readonly number[], data: readonly number[]): Buffer => {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  shape.forEach((n, i) => header.writeUInt32BE(n, 4 + 4 * i))
  return Buffer.concat([header, Buffer.from(data)])
}
