/**
 * Where in the image a cell of the encoder's grid looks (spec section 2; arithmetic of Chen et al. 2019, arXiv:1806.10574).
 * Boxes are in pixels, x0 and y0 inside, x1 and y1 one past the end. A cell is a row-major index into the n×n grid.
 */
import type { EncoderConfig } from './config.ts'

export type ReceptiveField = {
  /** Cells a side. */
  readonly n: number
  /** Pixels between neighbouring cells. */
  readonly jump: number
  /** Pixels a side that one cell sees. */
  readonly size: number
  /** Centre of cell 0, in pixels. */
  readonly start: number
}

export type Box = { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number }

/** The receptive field of an encoder on an image of `imageSize` pixels a side. */
export function receptiveField({ kernels, strides, paddings }: EncoderConfig, imageSize: number): ReceptiveField {
  return kernels.reduce(
    ({ n, jump, size, start }, kernel, i) => ({
      n: Math.floor((n - kernel + 2 * paddings[i]) / strides[i]) + 1,
      jump: jump * strides[i],
      size: size + (kernel - 1) * jump,
      start: start + ((kernel - 1) / 2 - paddings[i]) * jump,
    }),
    { n: imageSize, jump: 1, size: 1, start: 0.5 },
  )
}

function position(n: number, cell: number): { row: number; column: number } {
  if (!(Number.isInteger(cell) && cell >= 0 && cell < n * n)) throw new Error(`box: cell must be 0 … ${n * n - 1}, got ${cell}`)
  return { row: Math.floor(cell / n), column: cell % n }
}

/** All pixels that the cell sees, cut at the border: 15 a side for the three-pixel encoder, 14 at the top and left border. */
export function exactBox({ n, jump, size, start }: ReceptiveField, cell: number, imageSize: number): Box {
  const { row, column } = position(n, cell)
  const from = (index: number) => Math.max(Math.trunc(start + index * jump - size / 2), 0)
  const to = (index: number) => Math.min(Math.trunc(start + index * jump + size / 2), imageSize)
  return { x0: from(column), y0: from(row), x1: to(column), y1: to(row) }
}

/**
 * The box that the authors' figures show: jump·cell, size − 1 pixels a side. It leaves out the first row and column of the
 * exact one. The authors' code draws it for the three-pixel encoder only; this is its general form, cut at the border.
 */
export function officialBox({ n, jump, size }: ReceptiveField, cell: number, imageSize: number): Box {
  const { row, column } = position(n, cell)
  const to = (index: number) => Math.min(index * jump + size - 1, imageSize)
  return { x0: column * jump, y0: row * jump, x1: to(column), y1: to(row) }
}
