import { toModel } from '../analysis/pixels.ts'
import { invertImages } from '../analysis/sampling.ts'
import { liveSteps } from './live-steps.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusInvertDDIM',
  title: 'Invert DDIM',
  category: 'patronus/sampling',
  help: 'Finds the noise that Sample DDIM leads back to a picture: all that s does not say about it. Stop early for a partial edit that keeps more of the picture.',
  aliases: ['inversion', 'x_T', 'encode noise', 'unsample'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to invert with.' },
    images: { type: 'IMAGE', help: 'Pictures to invert.' },
    steps: {
      type: 'INT',
      default: 50,
      min: 2,
      max: 1000,
      help: 'Steps K over the whole schedule; 1000 is the official inversion.',
    },
    activations: {
      type: 'ACTIVATIONS',
      optional: true,
      help: "s to invert with; left open, the pictures' own s, as in the paper.",
    },
    stop_at: {
      type: 'INT',
      default: 1000,
      min: 1,
      max: 1000,
      optional: true,
      help: 'Timestep to stop at: 1000 goes all the way to pure noise; 400 keeps the rough shape. Trace Emergence recommends one.',
    },
  },
  outputs: { noise: { type: 'NOISE', help: 'x at the level where the inversion stopped.' } },
  async run({ model, images, steps, activations, stop_at = 1000 }, context) {
    const x0 = toModel(images, model.info.config)
    const s = activations ?? (await model.encode(x0)).s
    const level = await invertImages(model, x0, s, { steps, stopAt: stop_at }, liveSteps(context))
    return { noise: { ...level, steps } }
  },
})
