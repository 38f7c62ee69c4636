import { CheckpointError, quote } from './error.ts'
import { call, resolveGlobal, storageRef, type Callable, type StorageRef, type TensorRef } from './pickle-globals.ts'

/**
 * What a pickle may hold here. Tuples are frozen arrays, lists are plain ones; dictionaries are Maps, so that a key such as
 * `__proto__` is a key like any other. Values may contain themselves: never walk one recursively.
 */
export type PickleValue = null | boolean | number | string | PickleValue[] | PickleDict | TensorRef | StorageRef | Callable
export type PickleDict = Map<string | number | boolean | null, PickleValue>

const limits = { bytes: 64 * 1024 * 1024, opcodes: 1_000_000, depth: 256, stack: 100_000, globalName: 200 }

/** Reads bytes forward; every read past the end is the same error. */
class Cursor {
  readonly file: string
  readonly view: DataView
  readonly bytes: Buffer
  /** The opcode that is being read and where it began: what errors name. */
  opcode = 'start'
  opcodeAt = 0
  at = 0

  constructor(file: string, bytes: Uint8Array) {
    this.file = file
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  refuse(wanted: string, got: string): never {
    throw new CheckpointError(this.file, { wanted: `${wanted} at byte ${this.opcodeAt} of the pickle (${this.opcode})`, got })
  }

  /** Steps over `length` bytes and returns where they began. */
  skip(length: number): number {
    if (length > this.bytes.length - this.at) this.refuse(`${length} more bytes`, `the end of the pickle`)
    this.at += length
    return this.at - length
  }

  u8 = () => this.view.getUint8(this.skip(1))
  u16 = () => this.view.getUint16(this.skip(2), true)
  u32 = () => this.view.getUint32(this.skip(4), true)
  i32 = () => this.view.getInt32(this.skip(4), true)
  f64 = () => this.view.getFloat64(this.skip(8))

  text(length: number): string {
    const start = this.skip(length)
    return this.bytes.toString('utf8', start, this.at)
  }

  /** A line of printable ASCII without its newline. */
  line(): string {
    const end = this.bytes.subarray(this.at, this.at + limits.globalName).indexOf(10)
    if (end < 0) this.refuse('a name that ends in a newline', `none within ${limits.globalName} bytes`)
    const text = this.text(end + 1).slice(0, -1)
    return /^[\x21-\x7e]+$/.test(text) ? text : this.refuse('a name in printable ASCII', quote(text))
  }

  /** LONG1: little-endian two's complement of up to eight bytes that must be a safe integer. */
  long(): number {
    const length = this.u8()
    if (length > 8) this.refuse('an integer of at most 8 bytes', `one of ${length}`)
    const start = this.skip(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i])
    const signed = Number(BigInt.asIntN(length * 8, value))
    return Number.isSafeInteger(signed) ? signed : this.refuse('an integer below 2^53', String(signed))
  }
}

/** The machine of one pickle: a stack of values, marks on it, and the memo. */
class Machine extends Cursor {
  private stack: PickleValue[] = []
  private readonly marks: PickleValue[][] = []
  private readonly memo = new Map<number, PickleValue>()

  push(value: PickleValue): void {
    if (this.stack.length >= limits.stack) this.refuse(`at most ${limits.stack} values on the stack`, 'more')
    this.stack.push(value)
  }

  pop(): PickleValue {
    return this.stack.length ? this.stack.pop()! : this.refuse('a value on the stack', 'an empty stack')
  }

  mark(): void {
    if (this.marks.length >= limits.depth) this.refuse(`at most ${limits.depth} nested marks`, 'more')
    this.marks.push(this.stack)
    this.stack = []
  }

  /** The values since the last mark, which goes. */
  popMark(): PickleValue[] {
    const values = this.stack
    this.stack = this.marks.pop() ?? this.refuse('a mark', 'none')
    return values
  }

  tuple(length: number): void {
    const values = Array.from({ length }, () => this.pop()).reverse()
    this.push(Object.freeze(values) as PickleValue[])
  }

  remember(index: number): void {
    const value = this.pop()
    this.memo.set(index, value)
    this.push(value)
  }

  memoSize = () => this.memo.size

  recall(index: number): void {
    const value = this.memo.get(index)
    this.push(value === undefined ? this.refuse(`memo entry ${index}`, 'none') : value)
  }

  append(values: readonly PickleValue[]): void {
    const target = this.pop()
    if (!Array.isArray(target) || Object.isFrozen(target)) return this.refuse('a list to append to', quote(target))
    for (const value of values) target.push(value)
    this.push(target)
  }

  set(pairs: readonly PickleValue[]): void {
    const target = this.pop()
    if (!(target instanceof Map)) return this.refuse('a dictionary to set items of', quote(target))
    if (pairs.length % 2) this.refuse('keys and values in pairs', `${pairs.length} items`)
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i]
      if (typeof key === 'object' && key !== null)
        return this.refuse('a dictionary key that is text, a number or None', quote(key))
      target.set(key, pairs[i + 1])
    }
    this.push(target)
  }

  reduce(): void {
    const args = this.pop()
    const callable = this.pop()
    if (!Array.isArray(args) || !Object.isFrozen(args)) return this.refuse('a tuple of arguments', quote(args))
    this.push(call(callable, args, (wanted, got) => this.refuse(wanted, got)))
  }

  /** torch leaves `_metadata` on a state_dict; nothing else may set attributes, and this is dropped. */
  build(): void {
    const state = this.pop()
    const target = this.pop()
    if (!(target instanceof Map) || !(state instanceof Map) || [...state.keys()].some(key => key !== '_metadata'))
      this.refuse('BUILD with {_metadata} on a dictionary', `${quote(state)} on ${quote(target)}`)
    this.push(target)
  }

  /** The value, when the pickle says it is done. */
  finish(): PickleValue {
    const value = this.pop()
    if (this.stack.length || this.marks.length) this.refuse('nothing left on the stack', `${this.stack.length} values`)
    if (this.at !== this.bytes.length) this.refuse('the pickle to end after STOP', `${this.bytes.length - this.at} bytes more`)
    return value
  }
}

type Opcode = readonly [name: string, run: (machine: Machine) => void]

/** Every opcode that is understood. What is not in this table is an error; nothing here can call anything. */
const opcodes: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  [0x80, ['PROTO', m => protocol(m)]],
  [0x95, ['FRAME', m => void m.skip(8)]],
  [0x28, ['MARK', m => m.mark()]],
  [0x4e, ['NONE', m => m.push(null)]],
  [0x88, ['NEWTRUE', m => m.push(true)]],
  [0x89, ['NEWFALSE', m => m.push(false)]],
  [0x4a, ['BININT', m => m.push(m.i32())]],
  [0x4b, ['BININT1', m => m.push(m.u8())]],
  [0x4d, ['BININT2', m => m.push(m.u16())]],
  [0x8a, ['LONG1', m => m.push(m.long())]],
  [0x47, ['BINFLOAT', m => m.push(m.f64())]],
  [0x58, ['BINUNICODE', m => m.push(m.text(m.u32()))]],
  [0x8c, ['SHORT_BINUNICODE', m => m.push(m.text(m.u8()))]],
  [0x29, ['EMPTY_TUPLE', m => m.tuple(0)]],
  [0x85, ['TUPLE1', m => m.tuple(1)]],
  [0x86, ['TUPLE2', m => m.tuple(2)]],
  [0x87, ['TUPLE3', m => m.tuple(3)]],
  [0x74, ['TUPLE', m => m.push(Object.freeze(m.popMark()) as PickleValue[])]],
  [0x5d, ['EMPTY_LIST', m => m.push([])]],
  [0x61, ['APPEND', m => m.append([m.pop()])]],
  [0x65, ['APPENDS', m => m.append(m.popMark())]],
  [0x7d, ['EMPTY_DICT', m => m.push(new Map())]],
  [0x73, ['SETITEM', m => m.set([m.pop(), m.pop()].reverse())]],
  [0x75, ['SETITEMS', m => m.set(m.popMark())]],
  [0x71, ['BINPUT', m => m.remember(m.u8())]],
  [0x72, ['LONG_BINPUT', m => m.remember(m.u32())]],
  [0x94, ['MEMOIZE', m => m.remember(m.memoSize())]],
  [0x68, ['BINGET', m => m.recall(m.u8())]],
  [0x6a, ['LONG_BINGET', m => m.recall(m.u32())]],
  [0x63, ['GLOBAL', m => global(m, m.line(), m.line())]],
  [0x93, ['STACK_GLOBAL', m => stackGlobal(m)]],
  [0x52, ['REDUCE', m => m.reduce()]],
  [0x62, ['BUILD', m => m.build()]],
  [0x51, ['BINPERSID', m => m.push(storageRef(m.pop(), (wanted, got) => m.refuse(wanted, got)))]],
])
const stop = 0x2e

function protocol(machine: Machine): void {
  const version = machine.u8()
  if (version < 2 || version > 5) machine.refuse('pickle protocol 2 to 5', String(version))
}

function stackGlobal(machine: Machine): void {
  const name = machine.pop()
  global(machine, machine.pop(), name)
}

function global(machine: Machine, module: PickleValue, name: PickleValue): void {
  const found = typeof module === 'string' && typeof name === 'string' ? resolveGlobal(module, name) : undefined
  machine.push(
    found ?? machine.refuse('a name that weight files need', `${quote(module)} ${quote(name)}, which is refused, not run`),
  )
}

/**
 * Reads a pickle as PyTorch and the authors' `config.pickle` write them (spec section 4): a fixed list of opcodes and names,
 * nothing is ever imported or called. Anything else is a CheckpointError that names it and its byte.
 */
export function readPickle(file: string, bytes: Uint8Array): PickleValue {
  if (bytes.length > limits.bytes)
    throw new CheckpointError(file, { wanted: `a pickle of at most ${limits.bytes} bytes`, got: `${bytes.length}` })
  const machine = new Machine(file, bytes)
  for (let count = 0; count < limits.opcodes; count++) {
    machine.opcode = 'next opcode'
    machine.opcodeAt = machine.at
    const code = machine.u8()
    if (code === stop) return machine.finish()
    const opcode = opcodes.get(code)
    if (!opcode) return machine.refuse('an opcode that weight files need', `0x${code.toString(16).padStart(2, '0')}`)
    machine.opcode = opcode[0]
    opcode[1](machine)
  }
  return machine.refuse(`at most ${limits.opcodes} opcodes`, 'more')
}
