import { batched } from '../analysis/pixels.ts'
import { defineNode } from './node.ts'

const more = { type: 'IMAGE', optional: true, help: 'More pictures.' } as const

export default defineNode({
  type: 'PatronusBatchImages',
  title: 'Batch Images',
  category: 'image',
  help: 'Joins pictures into one batch, in order. The size of the first decides; others are brought to it.',
  aliases: ['join', 'concat', 'combine', 'imagebatch'],
  inputs: {
    image_1: { type: 'IMAGE', help: 'The first picture or batch; it decides size and colours.' },
    image_2: more,
    image_3: more,
    image_4: more,
    image_5: more,
    image_6: more,
  },
  outputs: { images: { type: 'IMAGE', help: 'All of them in one batch.' } },
  async run({ image_1, image_2, image_3, image_4, image_5, image_6 }) {
    const given = [image_1, image_2, image_3, image_4, image_5, image_6]
    return { images: batched(given.filter(image => image !== undefined)) }
  },
})
