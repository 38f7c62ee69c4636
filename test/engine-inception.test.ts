import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openInception } from '../engine/inception.ts'
import { ModelProtoSchema } from '../engine/onnx/onnx_pb.ts'
import type { Node } from '../engine/recorder/graph.ts'
import { resizeBilinear } from '../model/resize.ts'
import { tensor, zeros } from '../model/tensor.ts'
import { flatten, pool, port, tinyInception as model } from './tiny-inception.ts'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-inception-'))))
afterAll(() => rm(folder, { recursive: true }))

async function open(bytes: Uint8Array) {
  await writeFile(join(folder, 'inception.onnx'), bytes)
  return openInception(join(folder, 'inception.onnx'), 'cpu')
}

/** Pictures of one colour each. */
const plain = (...colours: number[][]) =>
  tensor([colours.length, 4, 4, 3], colours.flatMap(colour => Array.from({ length: 48 }, (_, i) => colour[i % 3]))) // prettier-ignore

test('the features of a picture are those of its colours, channels first, clipped to what a saved picture holds', async () => {
  const network = await open(model({ batch: 'N' }))
  const { shape, data } = await network.features(plain([-1, 0, 0.5], [3, -7, 1]))
  expect(shape).toEqual([2, 3])
  expect([...data]).toEqual([-1, 0, 0.5, 1, -1, 1].map(value => expect.closeTo(value, 5)))
  expect([network.name, network.id]).toEqual(['inception.onnx', expect.stringMatching(/^[0-9a-f]{64}$/)])
  await network.dispose()
})

test('a grey picture is read as one whose three colours are its grey', async () => {
  const network = await open(model({ batch: 'N' }))
  expect([...(await network.features(tensor([1, 1, 1, 1], [0.25]))).data]).toEqual([0.25, 0.25, 0.25])
  await network.dispose()
})

test('more pictures than a call takes go through in several; a batch that the file fixes is filled up', async () => {
  const many = plain(...Array.from({ length: 35 }, (_, i) => [i / 40, 0, -i / 40]))
  const free = await open(model({ batch: 'N' }))
  const all = await free.features(many)
  expect(all.shape).toEqual([35, 3])
  expect(all.data[3 * 34]).toBeCloseTo(34 / 40, 5)
  await free.dispose()
  const inputs = [port('x', 4, 3, 8, 8)]
  const four = await open(model({ inputs, outputs: [port('features', 4, 3)] }))
  expect((await four.features(many)).data).toEqual(all.data)
  await four.dispose()
})

test('a file that leaves height and width open is given 299, and features that end in 1 × 1 are flattened', async () => {
  // The sum over a picture of ones says how many pixels the network was given.
  const sum: Node = { op: 'ReduceSum', inputs: ['x', { ints: [2, 3] }], outputs: ['sum'], attributes: { keepdims: 1 } }
  const made = fromBinary(ModelProtoSchema, model({ nodes: [sum], outputs: [port('sum', 1, 3, 1, 1)], batch: 'N' }))
  const type = made.graph!.input[0].type!.value
  if (type.case !== 'tensorType') throw new Error('the input is a tensor')
  for (const axis of [2, 3]) type.value.shape!.dim[axis].value = { case: 'dimParam', value: `side${axis}` }
  const network = await open(toBinary(ModelProtoSchema, made))
  const { shape, data } = await network.features(plain([1, 1, 1]))
  expect([shape, [...data]]).toEqual([[1, 3], new Array(3).fill(299 * 299)])
  await network.dispose()
})

test('a network with another input, with no features or with several is refused with what it has', async () => {
  const grey = model({ inputs: [port('x', 1, 1, 8, 8)], outputs: [port('features', 1, 1)] })
  await expect(open(grey)).rejects.toThrow(
    'inception.onnx: wanted one input, float32 [N,3,299,299] (an Inception-v3), got x float32 [1,1,8,8]',
  )
  const map = model({ nodes: [{ ...pool, op: 'Relu' }], outputs: [port('pooled', 1, 3, 8, 8)] })
  await expect(open(map)).rejects.toThrow(/wanted one output of features, .*, got pooled float32 \[1,3,8,8\]; export/)
  const logits: Node = { ...flatten, outputs: ['logits'] }
  const two = model({ nodes: [pool, flatten, logits], outputs: [port('features', 1, 3), port('logits', 1, 3)] })
  await expect(open(two)).rejects.toThrow('features float32 [1,3]; logits float32 [1,3]')
})

test('a file that is no network, or not there, is refused by name', async () => {
  await expect(open(new TextEncoder().encode('no network'))).rejects.toThrow(
    'inception.onnx: cannot be opened as an ONNX network',
  )
  await expect(openInception(join(folder, 'nowhere.onnx'), 'cpu')).rejects.toThrow('nowhere.onnx')
})

test('four channels are refused', async () => {
  const network = await open(model({ batch: 'N' }))
  await expect(network.features(zeros([1, 4, 4, 4]))).rejects.toThrow('1 or 3 channels, got [1,4,4,4]')
  await network.dispose()
})

test('bilinear resizing has PyTorch’s values: halves of pixels between neighbours, borders held, nothing widened', () => {
  const row = (...values: number[]) => tensor([1, 1, values.length, 1], values)
  expect([...resizeBilinear(row(0, 1), 1, 4).data]).toEqual([0, 0.25, 0.75, 1])
  expect([...resizeBilinear(row(0, 1, 5, 9), 1, 2).data]).toEqual([0.5, 7])
  expect([...resizeBilinear(row(0, 1, 2, 3, 4, 5, 6, 7, 8), 1, 3).data]).toEqual([1, 4, 7])
  expect([...resizeBilinear(row(3, 4), 1, 2).data]).toEqual([3, 4])
})
