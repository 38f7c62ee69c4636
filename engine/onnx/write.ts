/** A recording as the bytes of an ONNX model. Parameters are declared as external data, attached when a session is made. */
import { create, toBinary } from '@bufbuild/protobuf'
import type { Attribute, Ints, Node, Parameter, Port } from '../recorder/graph.ts'
import type { Program } from '../recorder/merge.ts'
import type { DType } from '../recorder/value.ts'
import {
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from './onnx_pb.ts'

const FLOAT = 1
const INT32 = 6
const INT64 = 7
const BOOL = 9
const typeNumber = (dtype: DType) => ({ float32: FLOAT, int32: INT32, bool: BOOL })[dtype]
const OPSET = 18n
const IR_VERSION = 9n

/** Name of the one external file all parameters are declared to lie in. */
export const WEIGHTS_FILE = 'weights.bin'

export type Layout = {
  readonly parameters: readonly (Parameter & { readonly offset: number; readonly bytes: number })[]
  readonly bytes: number
}

/** Where each parameter lies in the weights file; ONNX wants tensors aligned, pages being the safe choice. */
export function layoutOf(parameters: Iterable<Parameter>): Layout {
  let at = 0
  const placed = [...parameters].map(parameter => {
    const bytes = 4 * parameter.shape.reduce((product, n) => product * n, 1)
    const offset = at
    at = Math.ceil((offset + bytes) / 4096) * 4096
    return { ...parameter, offset, bytes }
  })
  return { parameters: placed, bytes: at }
}

/** `batch` is the symbolic name of the first axis of inputs and outputs; absent = fixed shapes. */
export function writeModel(
  name: string,
  program: Program,
  inputs: readonly Port[],
  outputs: readonly Port[],
  batch?: string,
): { model: Uint8Array; layout: Layout } {
  const used = new Set(program.nodes.flatMap(node => node.inputs.filter(input => typeof input === 'string')))
  const layout = layoutOf([...program.parameters.values()].filter(p => used.has(p.name)))
  const lists = new Map<string, TensorProto>()
  const node = program.nodes.map(n => nodeProto(n, ints => listName(lists, ints)))
  const constants = [...program.constants]
    .filter(([key]) => used.has(key))
    .map(([key, { dims, dtype, data }]) => tensorProto(key, dims, dtype, data))
  const graph = create(GraphProtoSchema, {
    name,
    node,
    input: inputs.map(port => valueInfo(port, batch)),
    output: outputs.map(port => valueInfo(port, batch)),
    initializer: [...constants, ...lists.values(), ...layout.parameters.map(externalProto)],
  })
  return { model: modelBytes(graph), layout }
}

const modelBytes = (graph: GraphProto): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      opsetImport: [
        { domain: '', version: OPSET },
        { domain: 'com.microsoft', version: 1n },
      ],
      producerName: 'patronus-nodes',
      graph,
    }),
  )

function nodeProto({ op, domain, inputs, outputs, attributes }: Node, nameOf: (ints: Ints) => string) {
  return create(NodeProtoSchema, {
    opType: op,
    domain: domain ?? '',
    name: `${op}_${outputs[0]}`,
    input: inputs.map(input => (typeof input === 'string' ? input : nameOf(input))),
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  })
}

function attributeProto(name: string, value: Attribute) {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: 2, i: BigInt(value) })
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, type: 3, s: new TextEncoder().encode(value) })
  if ('float' in value) return create(AttributeProtoSchema, { name, type: 1, f: value.float })
  return create(AttributeProtoSchema, { name, type: 7, ints: value.map(BigInt) })
}

function listName(lists: Map<string, TensorProto>, { ints }: Ints): string {
  const key = `ints:${ints}`
  if (!lists.has(key)) {
    const rawData = new Uint8Array(BigInt64Array.from(ints.map(BigInt)).buffer)
    lists.set(key, create(TensorProtoSchema, { name: key, dims: [BigInt(ints.length)], dataType: INT64, rawData }))
  }
  return key
}

function tensorProto(name: string, dims: readonly number[], dtype: DType, data: ArrayLike<number>) {
  const bytes = dtype === 'float32' ? Float32Array.from(data) : dtype === 'int32' ? Int32Array.from(data) : Uint8Array.from(data)
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: typeNumber(dtype),
    rawData: new Uint8Array(bytes.buffer),
  })
}

const externalProto = ({ name, shape, perm, offset, bytes }: Parameter & { offset: number; bytes: number }) =>
  create(TensorProtoSchema, {
    name,
    dims: (perm ? perm.map(axis => shape[axis]) : shape).map(BigInt),
    dataType: FLOAT,
    dataLocation: 1,
    externalData: [
      { key: 'location', value: WEIGHTS_FILE },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(bytes) },
    ],
  })

const valueInfo = ({ name, shape, dtype }: Port, batch?: string) =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: typeNumber(dtype),
          shape: {
            dim: shape.map((n, axis) => ({
              value:
                batch !== undefined && axis === 0
                  ? { case: 'dimParam' as const, value: batch }
                  : { case: 'dimValue' as const, value: BigInt(n) },
            })),
          },
        },
      },
    },
  })
