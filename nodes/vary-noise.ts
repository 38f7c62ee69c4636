import { variations } from '../analysis/blend.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusVaryNoise',
  title: 'Vary Noise',
  category: 'patronus/sampling',
  help: 'Makes variations of a picture that agree in s: its noise, turned a little or all the way towards fresh noise.',
  aliases: ['variation', 'variations', 'stochastic', 'x_T', 'diversity'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model the noise belongs to.' },
    noise: { type: 'NOISE', help: 'The pure noise of one picture, from Invert DDIM or Gaussian Noise.' },
    count: { type: 'INT', default: 5, min: 1, max: 64, help: 'How many variations; the paper shows 5.' },
    strength: {
      type: 'FLOAT',
      default: 1,
      min: 0,
      max: 1,
      step: 0.01,
      display: 'slider',
      help: "How far towards fresh noise: 0 is the picture's own, 1 is entirely fresh, as in the paper.",
    },
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Decides the fresh noise.' },
  },
  outputs: { noise: { type: 'NOISE', help: 'One noise a variation; one s serves them all in Sample DDIM.' } },
  run: async ({ model, noise, count, strength, seed }) => ({
    noise: variations(noise, { count, strength, seed }, model.info),
  }),
})
