/** The recording: ONNX nodes in the order they were met, with the helpers that every kernel uses to add to it. */
import { broadcast, type DType, inverse, isIdentity, sameNumbers, storedShape, type Value } from './value.ts'

/** A shape or index list given to an ONNX operator as an int64 tensor. */
export type Ints = { readonly ints: readonly number[] }
export type Attribute = number | string | readonly number[] | { readonly float: number }
export type Node = {
  readonly op: string
  readonly domain?: string
  readonly inputs: readonly (string | Ints)[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
  /** Stored shape of the first input, which a Reshape needs when two recordings are merged. */
  readonly from?: readonly number[]
}
export type Constant = { readonly dims: readonly number[]; readonly dtype: DType; readonly data: ArrayLike<number> }
export type Port = { readonly name: string; readonly shape: readonly number[]; readonly dtype: DType }
/** A parameter, in the axis order in which the graph wants it. */
export type Parameter = {
  readonly name: string
  readonly key: string
  readonly shape: readonly number[]
  readonly perm?: readonly number[]
}

/** The kind of machine a recording is for. */
export type Target = 'cpu' | 'gpu'

export class Graph {
  readonly target: Target
  readonly nodes: Node[] = []
  readonly constants = new Map<string, Constant>()
  readonly parameters = new Map<string, Parameter>()
  readonly #origin = new Map<string, Node>()
  readonly #rearranged = new Map<string, Value>()
  #count = 0

  constructor(target: Target) {
    this.target = target
  }

  #fresh(): string {
    return `v${this.#count++}`
  }

  /** The node that made a value, for kernels that can do better knowing it. */
  origin(v: Value): Node | undefined {
    return this.#origin.get(v.name)
  }

  /** A constant; a list of equal numbers is kept as one number that repeats. */
  constant(data: ArrayLike<number>, shape: readonly number[], dtype: DType): Value {
    let same = data.length > 1
    for (let i = 1; same && i < data.length; i++) same = data[i] === data[0]
    const kept = same ? [data[0]] : data
    const held = same ? shape.map(() => 1) : shape
    const name = this.#fresh()
    this.constants.set(name, { dims: held, dtype, data: kept })
    return { name, shape, dtype, held, constant: kept }
  }

  /** A parameter whose numbers are attached when the session is made. */
  parameter(key: string, shape: readonly number[]): Value {
    const name = `param:${key}`
    this.parameters.set(name, { name, key, shape })
    return { name, shape, dtype: 'float32', held: shape }
  }

  /** Adds one operator with one output. `shape` is logical; `perm` says in which order the operator stores it. */
  node(
    op: string,
    inputs: readonly (Value | string | Ints)[],
    out: { shape: readonly number[]; dtype?: DType; perm?: readonly number[]; held?: readonly number[] },
    attributes: Node['attributes'] = {},
    domain?: string,
  ): Value {
    const name = this.#fresh()
    const first = inputs[0]
    const node: Node = {
      op,
      domain,
      inputs: inputs.map(input => (typeof input === 'object' && 'name' in input ? input.name : input)),
      outputs: [name],
      attributes,
      from: typeof first === 'object' && 'name' in first ? storedShape(first) : undefined,
    }
    this.nodes.push(node)
    this.#origin.set(name, node)
    const perm = out.perm && !isIdentity(out.perm) ? out.perm : undefined
    return { name, shape: out.shape, dtype: out.dtype ?? 'float32', perm, held: out.held ?? out.shape }
  }

  /** Declares an output of the model: the value at full length, in order `perm` (logical order when absent). */
  output(name: string, v: Value, perm?: readonly number[]): Port {
    const ready = perm ? this.inOrder(this.full(v), perm) : this.plain(v)
    this.nodes.push({ op: 'Identity', inputs: [ready.name], outputs: [name], attributes: {} })
    return { name, shape: storedShape(ready), dtype: v.dtype }
  }

  /** The value stored in axis order `perm`, rearranged at most once however often it is asked for. */
  inOrder(v: Value, perm: readonly number[]): Value {
    const current = v.perm ?? v.shape.map((_, i) => i)
    if (sameNumbers(current, perm)) return v
    const key = `${v.name}|${current}|${perm}|${v.held}`
    const known = this.#rearranged.get(key)
    if (known) return { ...known, shape: v.shape }
    const made = this.#rearrange(v, current, perm)
    this.#rearranged.set(key, made)
    return made
  }

  #rearrange(v: Value, current: readonly number[], perm: readonly number[]): Value {
    const out = { shape: v.shape, dtype: v.dtype, perm, held: v.held }
    const long = (order: readonly number[]) => order.filter(axis => v.held[axis] !== 1)
    if (sameNumbers(long(current), long(perm))) return this.node('Reshape', [v, { ints: perm.map(axis => v.held[axis]) }], out)
    const parameter = this.parameters.get(v.name)
    if (parameter) {
      const axes = perm.map(axis => (parameter.perm ?? perm.map((_, i) => i))[inverse(current)[axis]])
      const name = `param:${parameter.key}@${axes}`
      this.parameters.set(name, { ...parameter, name, perm: axes })
      return { ...v, name, perm }
    }
    return this.node('Transpose', [v], out, { perm: perm.map(axis => inverse(current)[axis]) })
  }

  /** The value in logical order, still with repeating axes of length 1. */
  logical(v: Value): Value {
    return this.inOrder(
      v,
      v.shape.map((_, i) => i),
    )
  }

  /** The value as tfjs sees it: logical order, every axis at full length. */
  plain(v: Value): Value {
    return this.logical(this.full(v))
  }

  /** The value with every axis at full length, in the order it is stored. */
  full(v: Value): Value {
    if (sameNumbers(v.held, v.shape)) return v
    const target = v.perm ? v.perm.map(axis => v.shape[axis]) : [...v.shape]
    const { held: _, constant: __, ...rest } = v
    return this.node('Expand', [v, { ints: target }], { ...rest })
  }

  /**
   * Operands of an element-wise operator, brought to one axis order without stretching repeating axes.
   * The order is that of the biggest operand, so that the small ones move.
   */
  aligned(values: readonly Value[]): { values: Value[]; shape: number[]; held: number[]; perm?: readonly number[] } {
    const shape = values.map(v => [...v.shape]).reduce(broadcast)
    const held = values.map(v => [...v.held]).reduce(broadcast)
    const size = (v: Value) => v.held.reduce((product, n) => product * n, 1)
    const widest = values.filter(v => v.shape.length === shape.length).sort((a, b) => size(b) - size(a))[0]
    const perm = widest?.perm
    if (!perm) return { values: values.map(v => this.logical(v)), shape, held }
    const lifted = values.map(v =>
      this.inOrder(size(v) === 1 && v.shape.length === 0 ? v : this.#lift(v, shape.length), v.shape.length === 0 ? [] : perm),
    )
    return { values: lifted, shape, held, perm }
  }

  /** A value of lower rank with leading axes of 1, as broadcasting reads it. */
  #lift(v: Value, rank: number): Value {
    if (v.shape.length === rank) return v
    const ones = Array.from({ length: rank - v.shape.length }, () => 1)
    const plain = this.logical(v)
    const held = [...ones, ...v.held]
    return this.node('Reshape', [plain, { ints: held }], { shape: [...ones, ...v.shape], dtype: v.dtype, held })
  }
}
