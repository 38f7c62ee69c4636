import { defineNode } from './node.ts'

/** As ComfyUI's: a file of the input folder (or, as "a.png [output]", of another), its picture and 1 - alpha as a mask. */
export default defineNode({
  type: 'LoadImage',
  title: 'Load Image',
  category: 'image',
  help: 'Reads a picture from the input folder; drop or upload files to add more.',
  aliases: ['open', 'upload', 'file', 'picture'],
  inputs: { image: { type: 'COMBO', options: [], files: 'input', upload: true, help: 'A picture in the input folder.' } },
  outputs: {
    image: { type: 'IMAGE', label: 'IMAGE', help: 'The picture, one in the batch.' },
    mask: { type: 'MASK', label: 'MASK', help: '1 where the picture is transparent, 0 where it is opaque.' },
  },
  fingerprint: async ({ image }, files) => (image ? files.hash('input', image) : ''),
  async run({ image: name }, context) {
    const { image, mask, stored } = await context.readImage(name)
    if (!stored) return { image, mask }
    const [, height, width] = image.shape
    const note = `${name} has ${stored.width}×${stored.height} pixels, more than can be worked on; it was made smaller, to ${width}×${height}`
    return { image, mask, ui: { text: [note] } }
  },
})
