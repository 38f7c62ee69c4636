/** A preview as the server sends it: ComfyUI's binary message 4 (spec comfyui.md, 2.5). Big-endian. */
export type PreviewFrame = {
  readonly node: string
  readonly run: string
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

const WITH_METADATA = 4
const LONGEST_METADATA = 64 * 1024

/** Reads a binary message. Undefined for the kinds that we did not ask for; throws when a type-4 frame is broken. */
export function readFrame(data: ArrayBuffer): PreviewFrame | undefined {
  const view = new DataView(data)
  if (data.byteLength < 4 || view.getUint32(0) !== WITH_METADATA) return undefined
  const length = data.byteLength < 8 ? Infinity : view.getUint32(4)
  if (length > LONGEST_METADATA || 8 + length > data.byteLength)
    throw new Error(`preview frame: metadata of ${length} bytes does not fit in a frame of ${data.byteLength}`)
  const meta: unknown = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length)))
  const { display_node_id, node_id, prompt_id, image_type } = meta as Record<string, unknown>
  const node = display_node_id ?? node_id
  if (typeof node !== 'string' || typeof prompt_id !== 'string')
    throw new Error('preview frame: node_id and prompt_id must be text')
  return {
    node,
    run: prompt_id,
    type: image_type === 'image/jpeg' ? 'image/jpeg' : 'image/png',
    bytes: new Uint8Array(data, 8 + length),
  }
}
