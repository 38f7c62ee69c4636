import type { Patronus } from '../engine/patronus.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { isFrame, noised, sampleFrom, type Level } from '../analysis/sampling.ts'
import type { Tensor } from '../model/tensor.ts'
import { showStep } from './live-steps.ts'
import type { Noise } from './node.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusSampleDDIM',
  title: 'Sample DDIM',
  category: 'patronus/sampling',
  help: 'Forms a picture from noise under s, step by step. From inverted noise it rebuilds, or edits, that picture; from Gaussian noise it invents one.',
  aliases: ['generate', 'ksampler', 'denoise', 'reconstruct'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to sample.' },
    activations: { type: 'ACTIVATIONS', help: 's: what should be in the picture.' },
    noise: { type: 'NOISE', help: 'Where to start. One noise serves many s, and the other way round.' },
    steps: {
      type: 'INT',
      default: 50,
      min: 1,
      max: 1000,
      help: 'Steps K over the whole schedule; 25 to 50 show nearly all, 1000 is the official sampler.',
    },
    eta: {
      type: 'FLOAT',
      default: 0,
      min: 0,
      max: 1,
      step: 0.05,
      display: 'slider',
      help: 'Fresh noise at every step: 0 is deterministic, needed to rebuild a picture; 1 is as random as DDPM.',
    },
    seed: {
      type: 'INT',
      default: 0,
      min: 0,
      max: 4294967295,
      seed: true,
      help: 'Decides the fresh noise; of no effect when eta is 0.',
    },
    image: {
      type: 'IMAGE',
      optional: true,
      help: 'For a partial edit without inversion: this picture, noised to start_at with the noise given, is where it starts.',
    },
    start_at: {
      type: 'INT',
      default: 1000,
      min: 1,
      max: 1000,
      optional: true,
      advanced: true,
      help: 'Timestep to start from when image is linked; otherwise it starts where the noise stands.',
    },
    watch_every: {
      type: 'INT',
      default: 1,
      min: 0,
      max: 1000,
      optional: true,
      advanced: true,
      help: 'Encodes the running picture at every n-th step, to show its s live; 0 = never. On a CPU each costs about a sixth of a step.',
    },
  },
  outputs: {
    image: { type: 'IMAGE', help: 'The finished pictures.' },
    trace: { type: 'TRACE', help: 'The running picture at up to 100 of the steps, with its s when every step is watched.' },
  },
  async run({ model, activations, noise, steps, eta, seed, image, start_at = 1000, watch_every = 1 }, context) {
    const start = startOf(model, noise, image, start_at)
    const trace = { t: [] as number[], x0: [] as Tensor[], activations: [] as Tensor[] }
    let x = start.x
    for await (const step of sampleFrom(model, start, activations, { steps, eta, seed })) {
      x = step.x
      const isLast = step.index === step.count - 1
      const isWatched = watch_every > 0 && (step.index % watch_every === 0 || isLast)
      const s = isWatched ? (await model.encode(step.x0)).s : undefined
      if (s) context.activations(step.t, s)
      const picture = fromModel(step.x0)
      if (isFrame(step.index, step.count)) {
        trace.t.push(step.t)
        trace.x0.push(picture)
        if (s) trace.activations.push(s)
      }
      await showStep(context, step.index + 1, step.count, picture)
    }
    return {
      image: fromModel(x),
      trace: { t: trace.t, x0: trace.x0, ...(watch_every === 1 && { activations: trace.activations }) },
    }
  },
})

/** The level to start from: the noise's own, or a picture noised part of the way with it. */
function startOf(model: Patronus, noise: Noise, image: Tensor | undefined, startAt: number): Level {
  const last = model.info.config.timesteps - 1
  if (!image) {
    if (startAt < noise.t)
      throw new Error(
        `start_at is ${startAt}, but the noise stands at ${noise.t}; link image to noise that picture to ${startAt}, or set stop_at ${startAt} on Invert DDIM`,
      )
    return noise
  }
  if (noise.t < last)
    throw new Error(
      `with an image linked, noise should be pure (Gaussian Noise); it is a picture noised to ${noise.t}; unlink image`,
    )
  return noised(model, toModel(image, model.info.config), noise.x, Math.min(startAt, last))
}
