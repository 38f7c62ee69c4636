import type { Tensor } from '../model/tensor.ts'

/** What reads attributes in pictures, of a data set or of a model's making: a classifier that knows nothing of any model. */
export type AttributeReader = {
  readonly names: readonly string[]
  /** Probabilities [N,A] of pictures [N,H,W,C] in -1 … 1; values outside are clipped, as when a picture is saved. */
  probabilities(images: Tensor): Promise<Tensor>
}
