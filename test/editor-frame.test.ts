import { readFrame } from '../editor/frame.ts'
import { frameWithMetadata, plainFrame } from '../server/frames.ts'

/** A type-4 frame as spec/comfyui.md 2.5 lays it out. */
function frame(
  meta: unknown,
  image: readonly number[],
  { kind = 4, claimed }: { kind?: number; claimed?: number } = {},
): ArrayBuffer {
  const json = new TextEncoder().encode(JSON.stringify(meta))
  const bytes = new Uint8Array(8 + json.length + image.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, kind)
  view.setUint32(4, claimed ?? json.length)
  bytes.set(json, 8)
  bytes.set(image, 8 + json.length)
  return bytes.buffer
}
const meta = { node_id: '6', display_node_id: '9', prompt_id: 'run', image_type: 'image/png' }

test('a frame gives the node to show it on, its run, and its image byte for byte', () => {
  const { bytes, ...rest } = readFrame(frame(meta, [1, 2, 3]))!
  expect(rest).toEqual({ node: '9', run: 'run', type: 'image/png' })
  expect([...bytes]).toEqual([1, 2, 3])
})

test('frames of other kinds are left alone', () => {
  expect(readFrame(frame(meta, [1], { kind: 1 }))).toBeUndefined()
  expect(readFrame(new ArrayBuffer(2))).toBeUndefined()
})

test('a frame that claims more metadata than it has is refused', () => {
  expect(() => readFrame(frame(meta, [], { claimed: 5000 }))).toThrow(/does not fit/)
  expect(() => readFrame(frame({ node_id: 6 }, []))).toThrow(/must be text/)
})

test('the page reads what the server writes', () => {
  const sent = { promptId: 'run', node: '6', mime: 'image/jpeg', image: Uint8Array.of(9, 8) } as const
  const plain = Uint8Array.from(plainFrame(sent)).buffer
  const { bytes, ...rest } = readFrame(Uint8Array.from(frameWithMetadata(sent)).buffer)!
  expect(rest).toEqual({ node: '6', run: 'run', type: 'image/jpeg' })
  expect([...bytes]).toEqual([9, 8])
  expect(readFrame(plain)).toBeUndefined()
})
