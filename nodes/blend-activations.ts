import { blendActivations, blendModes, choices, chosenPrototypes, type BlendMode, type Choice } from '../analysis/blend.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusBlendActivations',
  title: 'Blend Activations',
  category: 'patronus/prototypes',
  help: 'Mixes the s of two pictures, all prototypes or only chosen ones: a little of one face in the other, or just its glasses.',
  aliases: ['mix', 'merge', 'combine', 'transfer', 'copy', 'lerp'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model that both s belong to.' },
    activations_a: { type: 'ACTIVATIONS', help: 's to start from; what does not take part stays as it is here.' },
    activations_b: { type: 'ACTIVATIONS', help: 's to blend in; one row serves every picture of the other side.' },
    mode: {
      type: 'COMBO',
      options: blendModes,
      default: 'mix',
      help: 'mix goes from a to b by amount; take gives the entries of b; maximum and minimum keep the greater or the smaller of the two.',
    },
    amount: {
      type: 'FLOAT',
      default: 0.5,
      min: 0,
      max: 1,
      step: 0.01,
      display: 'slider',
      help: 'How much of b when mixing: 0 is a, 1 is b; not used by the other modes.',
    },
    take_part: {
      type: 'COMBO',
      options: choices,
      default: 'all',
      help: 'Which prototypes are blended: all, only those listed in prototypes, or all but those.',
    },
    prototypes: {
      type: 'STRING',
      default: '',
      optional: true,
      placeholder: '3, 17, 30-35',
      help: 'The list that take_part speaks of, for example "3, 17, 30-35"; not used by all.',
    },
  },
  outputs: { activations: { type: 'ACTIVATIONS', help: 'The blended s.' } },
  async run({ model, activations_a, activations_b, mode, amount, take_part, prototypes: list = '' }) {
    const { info } = model
    const prototypes = chosenPrototypes(take_part as Choice, list, info)
    const blended = blendActivations(activations_a, activations_b, { mode: mode as BlendMode, amount, prototypes }, info)
    const changes = prototypes
      .map(j => ({ j, from: activations_a.data[j], to: blended.data[j] }))
      .filter(({ from, to }) => from !== to)
      .sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from))
    const largest = changes
      .slice(0, 5)
      .map(({ j, from, to }) => `prototype ${prototypeLabel(j, info)}: ${from.toFixed(3)} → ${to.toFixed(3)}`)
    const text = [`${changes.length} of ${info.config.prototypes.count} prototypes changed in the first picture`, ...largest]
    return { activations: blended, ui: { text } }
  },
})
