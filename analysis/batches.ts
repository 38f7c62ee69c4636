import type { Patronus } from '../engine/patronus.ts'
import { concat, rows, type Tensor } from '../model/tensor.ts'

/** Throws where there is nothing to ask about; `question` says what wants pictures, or s of some: [B,…]. */
export function wantPictures(question: string, { shape: [B] }: Tensor): void {
  if (B === 0) throw noPictures(question)
}

const noPictures = (question: string): Error =>
  new Error(`${question}: wanted at least one picture, got none; check the folder or the selection that they come from`)

/** x [B,…] in parts of at most `size` along the first axis; they share memory with x. */
export const batches = (x: Tensor, size: number): Tensor[] =>
  Array.from({ length: Math.ceil(x.shape[0] / size) }, (_, i) => rows(x, i * size, Math.min((i + 1) * size, x.shape[0])))

/** s [N,m] of images that arrive in batches [b,H,W,C], -1 … 1. `activations` gives s [b,m] of one batch. */
export async function encodeAll(
  activations: (images: Tensor) => Promise<Tensor>,
  batches: Iterable<Tensor>,
  signal?: AbortSignal,
): Promise<Tensor> {
  const parts: Tensor[] = []
  for (const images of batches) {
    signal?.throwIfAborted()
    parts.push(await activations(images))
  }
  if (parts.length === 0) throw noPictures('s of pictures')
  return concat(parts)
}

/** What the encoder says about any number of pictures, a batch at a time: s and argmin, [B,m]. */
export async function encodeIn(patronus: Patronus, x: Tensor, size = 64): Promise<{ s: Tensor; argmin: Tensor }> {
  wantPictures('s of pictures', x)
  const parts = []
  for (const part of batches(x, size)) parts.push(await patronus.encode(part))
  return { s: concat(parts.map(({ s }) => s)), argmin: concat(parts.map(({ argmin }) => argmin)) }
}
