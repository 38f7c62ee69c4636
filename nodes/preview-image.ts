import { defineNode } from './node.ts'

/** As ComfyUI's. */
export default defineNode({
  type: 'PreviewImage',
  title: 'Preview Image',
  category: 'image',
  help: 'Shows pictures here and keeps them only until the server stops.',
  aliases: ['show', 'view', 'display'],
  output: true,
  inputs: { images: { type: 'IMAGE', help: 'Pictures to show.' } },
  outputs: {},
  run: async ({ images }, context) => ({ ui: { images: await context.saveImages(images, { type: 'temp' }) } }),
})
