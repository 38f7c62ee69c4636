import { sampleActivations } from '../analysis/sampling.ts'
import type { PriorMethod } from '../model/prior-sampling.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusPriorSample',
  title: 'Prior Sample',
  category: 'patronus/sampling',
  help: 'Invents activations s with the model over s, so that Sample DDIM can make pictures nobody has seen.',
  aliases: ['generate', 'unconditional', 'random', 'latent'],
  inputs: {
    model: { type: 'PATRONUS', help: 'A model with a prior.' },
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Decides the samples.' },
    count: { type: 'INT', default: 1, min: 1, max: 64, help: 'How many.' },
    steps: {
      type: 'INT',
      default: 50,
      min: 1,
      max: 1000,
      help: "Steps of the ddim method; the official methods take every timestep of the prior's own schedule.",
    },
    method: {
      type: 'COMBO',
      options: ['ddim', 'official-ddim', 'official-ddpm'],
      default: 'ddim',
      help: "ddim is the textbook sampler; the official ones are the authors', which add new noise at every step.",
    },
  },
  outputs: { activations: { type: 'ACTIVATIONS', help: 'Sampled s, one row a picture.' } },
  async run({ model, seed, count, steps, method }, context) {
    const onStep = async (done: number, total: number) => {
      context.progress(done, total)
      await context.pause()
    }
    return { activations: await sampleActivations(model, { count, seed, steps, method: method as PriorMethod }, onStep) }
  },
})
