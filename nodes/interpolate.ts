import { interpolate } from '../analysis/blend.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusInterpolate',
  title: 'Interpolate',
  category: 'patronus/prototypes',
  help: 'The way from one picture to another in even steps, ready for Sample DDIM: s goes straight, the noise along the sphere it lies near.',
  aliases: ['between', 'morph', 'slerp', 'lerp', 'transition'],
  inputs: {
    activations_a: { type: 'ACTIVATIONS', help: 's of the picture to start at.' },
    activations_b: { type: 'ACTIVATIONS', help: 's of the picture to end at.' },
    noise_a: { type: 'NOISE', help: 'Noise of the picture to start at, from Invert DDIM.' },
    noise_b: { type: 'NOISE', help: 'Noise of the picture to end at; link the first one again to keep all but s.' },
    count: { type: 'INT', default: 10, min: 2, max: 64, help: 'How many pictures, both ends included; the paper shows 10.' },
  },
  outputs: {
    activations: { type: 'ACTIVATIONS', help: 's of every step, one row each.' },
    noise: { type: 'NOISE', help: 'The noise of every step.' },
  },
  async run({ activations_a, activations_b, noise_a, noise_b, count }) {
    const { s, noise } = interpolate({ s: activations_a, noise: noise_a }, { s: activations_b, noise: noise_b }, count)
    return { activations: s, noise: { ...noise, ...(noise_a.steps === noise_b.steps && { steps: noise_a.steps }) } }
  },
})
