import { quote } from './error.ts'
import type { PickleValue } from './pickle.ts'

/** Number types torch has a storage class for; only some are ever read as weights (`torch.ts`). */
export type StorageType = 'float32' | 'float16' | 'bfloat16' | 'float64' | 'int64' | 'int32' | 'bool'

/** Where numbers lie: entry `data/<key>` of the archive. */
export type StorageRef = { readonly kind: 'storage'; readonly type: StorageType; readonly key: string; readonly count: number }

/** A view of a storage; offset and strides count numbers, not bytes. Not yet checked against the storage. */
export type TensorRef = {
  readonly kind: 'tensor'
  readonly storage: StorageRef
  readonly offset: number
  readonly shape: readonly number[]
  readonly stride: readonly number[]
}

/** A name out of the list below, standing for itself: there is no function behind it. */
export type Callable = { readonly kind: 'global'; readonly name: 'OrderedDict' | 'tensor' | 'parameter' | 'device' | StorageType }

type Refuse = (wanted: string, got: string) => never

const global = (name: Callable['name']): Callable => ({ kind: 'global', name })

/** Every name a pickle may mention. */
const globals: ReadonlyMap<string, Callable> = new Map([
  ['collections OrderedDict', global('OrderedDict')],
  ['torch._utils _rebuild_tensor_v2', global('tensor')],
  ['torch._utils _rebuild_parameter', global('parameter')],
  ['torch device', global('device')],
  ['torch FloatStorage', global('float32')],
  ['torch HalfStorage', global('float16')],
  ['torch BFloat16Storage', global('bfloat16')],
  ['torch DoubleStorage', global('float64')],
  ['torch LongStorage', global('int64')],
  ['torch IntStorage', global('int32')],
  ['torch BoolStorage', global('bool')],
])

export const resolveGlobal = (module: string, name: string): Callable | undefined => globals.get(`${module} ${name}`)

const hasKind = (value: PickleValue | undefined, kind: string): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind

export const isTensorRef = (value: PickleValue | undefined): value is TensorRef => hasKind(value, 'tensor')
const isStorageRef = (value: PickleValue | undefined): value is StorageRef => hasKind(value, 'storage')
const isCallable = (value: PickleValue | undefined): value is Callable => hasKind(value, 'global')

const natural = (value: PickleValue | undefined): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const naturals = (value: PickleValue | undefined): value is number[] =>
  Array.isArray(value) && Object.isFrozen(value) && value.length <= 8 && value.every(natural)

const storageTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16', 'float64', 'int64', 'int32', 'bool'])

/** BINPERSID: ('storage', torch.FloatStorage, '<key>', 'cpu' | 'cuda:0', count). Where it once lived is ignored. */
export function storageRef(id: PickleValue, refuse: Refuse): StorageRef {
  if (!Array.isArray(id) || id.length !== 5 || id[0] !== 'storage')
    return refuse('a persistent id (storage, type, key, place, count)', quote(id))
  const [, type, key, place, count] = id
  if (!isCallable(type) || !storageTypes.has(type.name))
    return refuse('a torch storage type', isCallable(type) ? type.name : quote(type))
  if (typeof key !== 'string' || !/^\d{1,10}$/.test(key)) return refuse('a storage key of digits', quote(key))
  if (typeof place !== 'string' || !/^(cpu|mps|cuda(:\d{1,3})?)$/.test(place))
    return refuse('a storage on cpu or cuda', quote(place))
  if (!natural(count)) return refuse('a storage size', quote(count))
  return { kind: 'storage', type: type.name as StorageType, key, count }
}

/** torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
function rebuildTensor(args: readonly PickleValue[], refuse: Refuse): TensorRef {
  const [storage, offset, shape, stride] = args
  if (args.length < 6 || args.length > 7 || !isStorageRef(storage) || !natural(offset) || !naturals(shape) || !naturals(stride))
    return refuse('_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)', 'other arguments')
  if (shape.length !== stride.length) return refuse('as many strides as sizes', `${stride.length} for ${shape.length}`)
  return { kind: 'tensor', storage, offset, shape, stride }
}

/** torch._utils._rebuild_parameter(tensor, requires_grad, hooks): the tensor. */
function rebuildParameter([tensor]: readonly PickleValue[], refuse: Refuse): TensorRef {
  return isTensorRef(tensor) ? tensor : refuse('_rebuild_parameter of a tensor', quote(tensor))
}

/** torch.device('cuda') or ('cuda', 0), as text. */
function device([type, index]: readonly PickleValue[], refuse: Refuse): string {
  if (typeof type !== 'string' || !/^[a-z]{1,20}(:\d{1,3})?$/.test(type) || !(index === undefined || natural(index)))
    return refuse('torch.device of a name', quote(type))
  return index === undefined ? type : `${type}:${index}`
}

/** What REDUCE stands for, given one of the names above. */
export function call(callable: PickleValue, args: readonly PickleValue[], refuse: Refuse): PickleValue {
  switch (isCallable(callable) ? callable.name : undefined) {
    case 'OrderedDict':
      return args.length ? refuse('an empty OrderedDict', `${args.length} arguments`) : new Map()
    case 'tensor':
      return rebuildTensor(args, refuse)
    case 'parameter':
      return rebuildParameter(args, refuse)
    case 'device':
      return device(args, refuse)
    default:
      return refuse(
        'REDUCE of OrderedDict, a tensor, a parameter or a device',
        isCallable(callable) ? callable.name : quote(callable),
      )
  }
}
