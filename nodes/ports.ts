import type { Patronus } from '../engine/patronus.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { LinePlot as Plot } from '../analysis/figures/line-plot.ts'
import type { Table } from '../analysis/report.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Blocker } from './blocker.ts'

/** A plot is drawn by the page, and by its node as a PNG for clients without one. */
export type { Plot, Table }

/** x̂0 and the running activations of every visited step; what Trace Emergence and the scrubber read. */
export type Trace = { readonly t: readonly number[]; readonly x0: readonly Tensor[]; readonly activations?: readonly Tensor[] }

/** Values that travel along links. IMAGE: [B,H,W,C], 0…1, C = 1 or 3. MASK: [B,H,W], 0…1. ACTIVATIONS (s): [B,m]. NOISE (x_T): [B,H,W,C]. */
export type Links = {
  PATRONUS: Patronus
  IMAGE: Tensor
  /** As ComfyUI has it: 1 - opacity, so 1 where the picture is transparent. */
  MASK: Tensor
  ACTIVATIONS: Tensor
  NOISE: Noise
  TRACE: Trace
  TABLE: Table
  PLOT: Plot
  DATASET: DataSet
}

/** The folders that combos offer the contents of. */
export type FileKind = 'input' | 'checkpoints' | 'datasets' | 'inception'

/** x at a level of the noise schedule. `t` = T-1 for pure noise; less when an inversion stopped early (partial edits). */
export type Noise = {
  readonly x: Tensor
  readonly t: number
  /** steps K of the inversion that made it */ readonly steps?: number
}

type Common = {
  readonly help: string
  readonly label?: string
  readonly optional?: boolean
  readonly advanced?: boolean
  /** What is linked here is run only if the node's `needs` asks for it. */
  readonly lazy?: boolean
}
type Primitive = 'INT' | 'FLOAT' | 'STRING' | 'BOOLEAN'
type Single = keyof Links | Primitive
/** A type of links, any of two (`'IMAGE,MASK'`), or anything at all (`'*'`). */
export type LinkType = keyof Links | `${Single},${Single}` | '*'
export type LinkPort<K extends LinkType = LinkType> = Common & { readonly type: K }
export type IntPort = Common & {
  readonly type: 'INT'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly step?: number
  readonly display?: 'slider' | 'number'
  /** Gives the widget ComfyUI's "after generate" control: fixed, increment, randomize. */
  readonly seed?: boolean
}
export type FloatPort = Common & {
  readonly type: 'FLOAT'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly step?: number
  readonly round?: number
  readonly display?: 'slider' | 'number'
}
export type TextPort = Common & {
  readonly type: 'STRING'
  readonly default: string
  readonly multiline?: boolean
  readonly placeholder?: string
}
export type BooleanPort = Common & { readonly type: 'BOOLEAN'; readonly default: boolean }
/** A choice. `files` is filled by the server with what lies in that folder at the time of asking. */
export type ComboPort = Common & {
  readonly type: 'COMBO'
  readonly options: readonly string[]
  readonly default?: string
  readonly files?: FileKind
  /** Gives the widget an upload button (ComfyUI's `image_upload`); names outside the list are checked by the server's own look at the disk. */
  readonly upload?: boolean
}
export type InputPort = LinkPort | IntPort | FloatPort | TextPort | BooleanPort | ComboPort
/** `list`: the node gives a list, and what reads from it runs once for each of its items. */
export type OutputPort = {
  readonly type: LinkType | Primitive
  readonly help: string
  readonly label?: string
  readonly list?: boolean
}

type ValueOf<T extends string> = T extends `${infer A},${infer B}`
  ? ValueOf<A> | ValueOf<B>
  : T extends keyof Links
    ? Links[T]
    : T extends 'INT' | 'FLOAT'
      ? number
      : T extends 'BOOLEAN'
        ? boolean
        : T extends '*'
          ? unknown
          : string
export type Inputs = Readonly<Record<string, InputPort>>
export type Outputs = Readonly<Record<string, OutputPort>>
type InputValue<P extends InputPort> = P extends { readonly optional: true } | { readonly lazy: true }
  ? ValueOf<P['type']> | undefined
  : ValueOf<P['type']>
/** What `run` is given; with `inputIsList` the whole list of every input. */
export type InputValues<I extends Inputs, IsList extends boolean = false> = {
  readonly [N in keyof I]: IsList extends true ? readonly ValueOf<I[N]['type']>[] : InputValue<I[N]>
}
/** In the place of any value stands `blocked()` where nothing further is to happen with it. */
export type OutputValues<O extends Outputs> = {
  readonly [N in keyof O]:
    Blocker | (O[N] extends { readonly list: true } ? readonly (ValueOf<O[N]['type']> | Blocker)[] : ValueOf<O[N]['type']>)
}
