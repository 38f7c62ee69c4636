/** Pictures as people have them, 0…1 and of any size, to and from pictures as a model has them (spec section 4, data transforms). */
import type { ModelConfig } from '../model/config.ts'
import { resizeBicubic } from '../model/resize.ts'
import { concat, dims, map, type Tensor } from '../model/tensor.ts'

/**
 * [B,H,W,C] 0…1 → [B,h,w,c] about -1…1, the size and channels the model was trained with: greyed as PIL greys
 * (ITU-R 601-2 luma), squashed by the authors' antialiased bicubic, then 2v - 1 without clamping, as theirs.
 */
export function toModel(images: Tensor, { image: { height, width, channels } }: ModelConfig): Tensor {
  const { C } = dims(images, 'B H W C')
  if (C !== 1 && C !== 3) throw new Error(`images should have 1 (grey) or 3 (RGB) channels, got ${C}: shape [${images.shape}]`)
  const fitting = channels === C ? images : channels === 1 ? grey(images) : colored(images)
  return map(resizeBicubic(fitting, height, width), v => 2 * v - 1)
}

/** [B,h,w,c] -1…1 → 0…1; overshoots are clamped, because a picture has no values outside. */
export function fromModel(x: Tensor): Tensor {
  const data = new Float32Array(x.data.length)
  for (let i = 0; i < data.length; i++) {
    const value = (x.data[i] + 1) / 2
    data[i] = value < 0 ? 0 : value > 1 ? 1 : value
  }
  return { shape: x.shape, data }
}

/** [B,H,W,3] → [B,H,W,1]; linear, so in any units. */
export function grey({ shape, data }: Tensor): Tensor {
  const out = new Float32Array(data.length / 3)
  for (let i = 0; i < out.length; i++) out[i] = 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2]
  return { shape: [...shape.slice(0, 3), 1], data: out }
}

/** Grey pictures with their value in all three channels; colour pictures as they are. */
export function colored(images: Tensor): Tensor {
  if (images.shape[3] === 3) return images
  const data = new Float32Array(images.data.length * 3)
  for (let i = 0; i < data.length; i++) data[i] = images.data[Math.floor(i / 3)]
  return { shape: [...images.shape.slice(0, 3), 3], data }
}

/** Pictures of any size and channels in one batch [ΣB,H,W,C]; the first decides H, W and C. */
export function batched(images: readonly Tensor[]): Tensor {
  const { H, W, C } = dims(images[0], 'B H W C')
  return concat(
    images.map(image => {
      const fitting = image.shape[3] === C ? image : C === 1 ? grey(image) : colored(image)
      return map(resizeBicubic(fitting, H, W), v => Math.min(1, Math.max(0, v)))
    }),
  )
}
