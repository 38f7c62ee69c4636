/** A network as an ONNX file for other programs: weights in it or in one file beside it, outputs under their own names. */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Weights } from '../../model/weights.ts'
import { OUTPUT, packWeights, recordInference } from '../compile.ts'
import type { Network } from '../networks.ts'
import { ModelProtoSchema, type TensorProto } from './onnx_pb.ts'

export type Frozen = {
  readonly model: Uint8Array
  /** Content of `weightsFile`, when it was asked for. */
  readonly weights?: Uint8Array
  readonly opset: number
  /** `x float32 [B,32,32,1]`, one a port. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** `weightsFile` keeps the weights out of the model, under that name. */
export function frozenModel({ fn, signature }: Network, weights: Weights, weightsFile?: string): Frozen {
  const artifact = recordInference(fn, signature, 'cpu')
  const packed = packWeights(artifact.layout, weights, signature.name)
  const model = fromBinary(ModelProtoSchema, artifact.model)
  const graph = model.graph!
  const placed = new Map(artifact.layout.parameters.map(parameter => [parameter.name, parameter]))
  for (const tensor of graph.initializer) {
    const place = placed.get(tensor.name)
    if (place && weightsFile === undefined) embed(tensor, packed.subarray(place.offset, place.offset + place.bytes))
    else if (place) tensor.externalData[0].value = weightsFile!
  }
  const bare = (name: string) => (name.startsWith(OUTPUT) ? name.slice(OUTPUT.length) : name)
  for (const node of graph.node) node.output = node.output.map(bare)
  for (const output of graph.output) output.name = bare(output.name)
  const used = new Set(graph.node.map(node => node.domain))
  model.opsetImport = model.opsetImport.filter(({ domain }) => used.has(domain))
  const port = ({ name, dtype, shape }: (typeof artifact.inputs)[number]) =>
    `${bare(name)} ${dtype} [${['B', ...shape.slice(1)]}]`
  return {
    model: toBinary(ModelProtoSchema, model),
    ...(weightsFile !== undefined && { weights: packed }),
    opset: Number(model.opsetImport.find(({ domain }) => domain === '')!.version),
    inputs: artifact.inputs.map(port),
    outputs: artifact.outputs.map(port),
  }
}

function embed(tensor: TensorProto, bytes: Uint8Array): void {
  tensor.dataLocation = 0
  tensor.externalData = []
  tensor.rawData = Uint8Array.from(bytes)
}
