import { defineNode } from './node.ts'

/** As ComfyUI's: `{prefix}_{counter}_.png` with the graph inside. */
export default defineNode({
  type: 'SaveImage',
  title: 'Save Image',
  category: 'image',
  help: 'Saves pictures as PNG files that carry the graph which made them; drop one on the page to open it again.',
  aliases: ['export', 'write', 'download', 'png'],
  output: true,
  inputs: {
    images: { type: 'IMAGE', help: 'Pictures to save.' },
    filename_prefix: {
      type: 'STRING',
      default: 'patronus',
      help: 'Begin of the file names; may hold folders and %year%, %month%, %day%, %width%, %height%.',
    },
  },
  outputs: {},
  run: async ({ images, filename_prefix }, context) => ({
    ui: { images: await context.saveImages(images, { type: 'output', prefix: filename_prefix }) },
  }),
})
