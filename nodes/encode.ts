import { strongest } from '../analysis/activation-table.ts'
import { toModel } from '../analysis/pixels.ts'
import { defineNode } from './node.ts'
import { tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusEncode',
  title: 'Encode to s',
  category: 'patronus/prototypes',
  help: 'Says how strongly each prototype is present in a picture: the vector s that conditions the model.',
  aliases: ['encoder', 'activations', 's'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose prototypes are looked for.' },
    images: { type: 'IMAGE', help: "Pictures of any size; they are brought to the model's size and colours." },
  },
  outputs: {
    activations: { type: 'ACTIVATIONS', help: 's: one number per prototype and picture, 0 = absent, 9.21 = an exact match.' },
  },
  async run({ model, images }, context) {
    const { s } = await model.encode(toModel(images, model.info.config))
    context.activations(0, s)
    const table = strongest(s, model.info)
    return { activations: s, ui: { tables: [table], text: [tableText(table, 5)] } }
  },
})
