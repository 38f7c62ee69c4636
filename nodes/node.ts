import type { FeatureNetwork } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { Artefacts } from '../analysis/artefacts.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { LinePlot as Plot } from '../analysis/figures/line-plot.ts'
import type { Table } from '../analysis/report.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Tensor } from '../model/tensor.ts'

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

type Common = { readonly help: string; readonly label?: string; readonly optional?: boolean; readonly advanced?: boolean }
export type LinkPort<K extends keyof Links = keyof Links> = Common & { readonly type: K }
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
export type OutputPort = LinkPort | { readonly type: 'INT' | 'FLOAT' | 'STRING'; readonly help: string; readonly label?: string }

type ValueOf<T extends string> = T extends keyof Links
  ? Links[T]
  : T extends 'INT' | 'FLOAT'
    ? number
    : T extends 'BOOLEAN'
      ? boolean
      : string
export type Inputs = Readonly<Record<string, InputPort>>
export type Outputs = Readonly<Record<string, OutputPort>>
export type InputValues<I extends Inputs> = {
  readonly [N in keyof I]: I[N] extends { readonly optional: true } ? ValueOf<I[N]['type']> | undefined : ValueOf<I[N]['type']>
}
export type OutputValues<O extends Outputs> = { readonly [N in keyof O]: ValueOf<O[N]['type']> }

/** An image file the server has written and will hand out under /view. */
export type SavedImage = { readonly filename: string; readonly subfolder: string; readonly type: 'output' | 'temp' | 'input' }

/** What a node shows besides its outputs: ComfyUI's `ui`. Any client shows images and text; our page draws plots and tables too. */
export type Ui = {
  readonly images?: readonly SavedImage[]
  readonly text?: readonly string[]
  readonly tables?: readonly Table[]
  readonly plots?: readonly Plot[]
}

/** `set`: 'avatars' and its kin, or the name of a folder of pictures (with attributes.csv). */
export type DataSetRequest = {
  readonly set: string
  readonly count: number
  readonly seed: number
  readonly image: { readonly height: number; readonly width: number; readonly channels: number }
}

/** All that a running node may ask of the world. */
export type Context = {
  readonly signal: AbortSignal
  /** Moves the bar on the node. */
  progress(value: number, max: number): void
  /**
   * Shows the running picture, [B,H,W,C] 0…1, on the node. Awaits a real turn of the event loop, so that a cancel can arrive:
   * call it (or `pause`) once a step. Slow clients get fewer frames; the node never notices.
   */
  preview(image: Tensor): Promise<void>
  /** Tells the page s of the running x̂0, [B,m], at timestep t. */
  activations(t: number, s: Tensor): void
  /** A real turn of the event loop, then throws if the run was cancelled. */
  pause(): Promise<void>
  /** A checkpoint by its file name; loaded once, shared. */
  checkpoint(name: string): Promise<Patronus>
  /** An Inception-v3 that the user put into the inception folder, by its file name. Whoever asks for it disposes it. */
  inception(name: string): Promise<FeatureNetwork>
  /** An image from the input folder: [1,H,W,C] 0…1, C as stored (1, 3), and its opacity [1,H,W,1]. */
  readImage(name: string): Promise<{ image: Tensor; alpha: Tensor }>
  /** Writes one PNG per image of the batch, with prompt and workflow inside; `prefix` may hold folders. */
  saveImages(images: Tensor, options: { type: 'output' | 'temp'; prefix?: string }): Promise<SavedImage[]>
  /**
   * Pictures with what is known of them, [N,H,W,C] as `image` says: a name that the data set node offers. The same request gives
   * the same pictures.
   */
  dataSet(request: DataSetRequest): Promise<DataSet>
  /** What reads a data set's attributes in pictures that a model made. It learned from other pictures than these, and from no model. */
  reader(data: DataSet): Promise<AttributeReader>
  /**
   * s [N,m] of a data set's pictures by an untrained encoder built as `config` says, with prototypes from patches of these pictures:
   * what s is worth without training (spec section 11).
   */
  untrained(config: ModelConfig, data: DataSet, seed: number): Promise<Tensor>
  /** Where long work keeps its parts, so that it can go on after a cancel or a restart. */
  readonly artefacts: Artefacts
  /** Rasterises an SVG document (plots, boxes over pictures) at its own size: [1,H,W,3] 0…1 on white. */
  drawSvg(svg: string): Promise<Tensor>
}

export type NodeSpec<I extends Inputs = Inputs, O extends Outputs = Outputs> = {
  /** The class name in graphs, e.g. `PatronusSampleDDIM`; never changes once shipped. */
  readonly type: string
  readonly title: string
  readonly category: string
  readonly help: string
  readonly inputs: I
  readonly outputs: O
  /** Runs even when nothing is linked to it: it shows or saves. */
  readonly output?: boolean
  /** The plugin it comes from; set by whoever loads it, absent for our own. */
  readonly pack?: string
  /** Words the palette finds it by besides its title. */
  readonly aliases?: readonly string[]
  /**
   * Anything outside the inputs that the result depends on (the bytes of a file; of a checkpoint also the names that people gave
   * its prototypes, which `hash` covers); part of the cache key.
   */
  fingerprint?(inputs: Partial<InputValues<I>>, files: { hash(kind: FileKind, name: string): Promise<string> }): Promise<string>
  run(inputs: InputValues<I>, context: Context): Promise<OutputValues<O> & { readonly ui?: Ui }>
}

/** Does nothing at run time; it is what lets `run` know the types of its own ports. */
export const defineNode = <const I extends Inputs, const O extends Outputs>(spec: NodeSpec<I, O>): NodeSpec<I, O> => spec

/** A node whose ports are no longer known one by one: what catalog and executor hold. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- variance: `run` of a concrete node takes narrower inputs than `Inputs`
export type AnyNode = NodeSpec<any, any>
export type Catalog = ReadonlyMap<string, AnyNode>
