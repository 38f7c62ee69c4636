import type { Identity } from '../workflows/graph.ts'

/** Binary preview frames, as ComfyUI sends them (spec/comfyui.md 2.5); integers are big-endian u32. */
export type PreviewFrame = {
  readonly promptId: string
  readonly node: string
  /** Where the node came from another that expanded to it. */
  readonly identity?: Identity
  readonly mime: 'image/png' | 'image/jpeg'
  readonly image: Uint8Array
  /** Not a look at what comes, but what was asked for: it must arrive. */
  readonly isResult?: boolean
}

const header = (...numbers: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * numbers.length)
  numbers.forEach((number, i) => bytes.writeUInt32BE(number, 4 * i))
  return bytes
}

/** Type 1: the picture alone; shown on the node that was last announced as `executing`. */
export const plainFrame = ({ mime, image }: PreviewFrame): Buffer =>
  Buffer.concat([header(1, mime === 'image/jpeg' ? 1 : 2), image])

/** Type 4: says whose picture it is. Only for clients that announced `supports_preview_metadata`. */
export function frameWithMetadata({ promptId, node, identity, mime, image }: PreviewFrame): Buffer {
  const metadata = {
    ...(identity ?? { node_id: node, display_node_id: node, parent_node_id: null, real_node_id: node }),
    prompt_id: promptId,
    image_type: mime,
  }
  const json = Buffer.from(JSON.stringify(metadata))
  return Buffer.concat([header(4, json.length), json, image])
}
