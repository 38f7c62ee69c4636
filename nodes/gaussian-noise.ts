import { gaussian } from '../model/noise.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusGaussianNoise',
  title: 'Gaussian Noise',
  category: 'patronus/sampling',
  help: 'Makes fresh noise to sample from. The same seed always gives the same noise.',
  aliases: ['random', 'seed', 'x_T', 'latent'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to make noise for; it decides the size.' },
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Decides the noise.' },
    count: { type: 'INT', default: 1, min: 1, max: 64, help: 'How many noises, each for a picture of its own.' },
  },
  outputs: { noise: { type: 'NOISE', help: 'Pure noise x_T.' } },
  async run({ model, seed, count }) {
    const { image, timesteps } = model.info.config
    return { noise: { x: gaussian([count, image.height, image.width, image.channels], seed), t: timesteps - 1 } }
  },
})
