import { defineNode } from './node.ts'

/** As ComfyUI's: its scripts take the binary frames that come while this node is the executing one for their results. */
export default defineNode({
  type: 'SaveImageWebsocket',
  title: 'Send Image',
  category: 'image',
  help: 'Sends pictures to the program that runs the graph, over its WebSocket, as PNG; no file is written.',
  aliases: ['websocket', 'stream', 'return', 'api'],
  output: true,
  inputs: { images: { type: 'IMAGE', help: 'Pictures to send.' } },
  outputs: {},
  // What was sent once is not there to be had again.
  fingerprint: async () => NaN,
  async run({ images }, context) {
    await context.sendImages(images)
    return {}
  },
})
