import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import sharp from 'sharp'
import type { ModelConfig } from '../model/config.ts'
import { ddim } from '../model/ddim.ts'
import type { Step } from '../model/denoiser.ts'
import { invert } from '../model/invert.ts'
import { gaussian } from '../model/noise.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import type { Networks } from './networks.ts'
import { seedFor } from './seeds.ts'

async function last(steps: AsyncIterable<Step>): Promise<Tensor> {
  let x: Tensor | undefined
  for await (const step of steps) x = step.x
  return x!
}

/**
 * What a run can do so far, as rows of pictures: test images, their reconstruction (invert, then DDIM with the same s),
 * and two samples from their s with fresh noise, which show how much s alone decides.
 */
export async function sheetRows(
  networks: Networks,
  config: ModelConfig,
  weights: Weights,
  images: Tensor,
  steps: number,
): Promise<Tensor[]> {
  const schedule = linearSchedule(config.timesteps),
    times = timesteps(config.timesteps, steps)
  const denoise = networks.denoiser(weights, await networks.activations(weights, images))
  const xT = await last(invert(denoise, images, schedule, times))
  const fresh = (k: number) => last(ddim(denoise, gaussian(images.shape, seedFor('sheet', k)), schedule, times))
  return [images, await last(ddim(denoise, xT, schedule, times)), await fresh(1), await fresh(2)]
}

/** Rows of [B,H,W,C] in -1 … 1 as one PNG with a pixel of space between pictures. */
export async function writeSheet(path: string, rowsOfImages: readonly Tensor[]): Promise<void> {
  const [B, H, W, C] = rowsOfImages[0].shape,
    gap = 1
  const width = B * (W + gap) + gap,
    height = rowsOfImages.length * (H + gap) + gap
  const bytes = Buffer.alloc(width * height * C, 255)
  rowsOfImages.forEach((images, row) => {
    for (let b = 0; b < B; b++)
      for (let y = 0; y < H; y++)
        for (let i = 0; i < W * C; i++) {
          const value = images.data[(b * H + y) * W * C + i]
          const at = ((row * (H + gap) + gap + y) * width + b * (W + gap) + gap) * C + i
          bytes[at] = Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5)
        }
  })
  await mkdir(dirname(path), { recursive: true })
  const scale = Math.max(1, Math.round(1024 / width))
  await sharp(bytes, { raw: { width, height, channels: C as 1 | 3 } })
    .resize({ width: width * scale, kernel: 'nearest' })
    .png()
    .toFile(path)
}

/** Mean squared difference of two sets of pictures in -1 … 1. */
export const meanSquare = (a: Tensor, b: Tensor): number =>
  a.data.reduce((sum, v, i) => sum + (v - b.data[i]) ** 2, 0) / a.data.length
