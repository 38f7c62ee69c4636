import type { FeatureNetwork } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { Artefacts } from '../analysis/artefacts.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Tensor } from '../model/tensor.ts'
import type { FileKind, InputValues, Inputs, Outputs, OutputValues, Plot, Table } from './ports.ts'

export type * from './ports.ts'
export { blocked, type Blocker } from './blocker.ts'

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
  /** The id of this node in the graph. One that lets its result depend on it declares `notIdempotent`. */
  readonly node: string
  readonly signal: AbortSignal
  /** The graph that runs (ComfyUI's hidden PROMPT). To be kept or shown, not to be computed with: it is no part of the cache key. */
  readonly prompt: Readonly<Record<string, { readonly class_type: string; readonly inputs: Readonly<Record<string, unknown>> }>>
  /** What the client wants kept with pictures (EXTRA_PNGINFO), `workflow` first of all; no part of the cache key either. */
  readonly extraPngInfo: Readonly<Record<string, unknown>>
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
  /** Lets real time pass; rejects as soon as the run is cancelled. */
  wait(ms: number): Promise<void>
  /** A checkpoint by its file name; loaded once, shared. */
  checkpoint(name: string): Promise<Patronus>
  /** An Inception-v3 that the user put into the inception folder, by its file name. Whoever asks for it disposes it. */
  inception(name: string): Promise<FeatureNetwork>
  /**
   * An image from the input folder: [1,H,W,C] 0…1, C as stored (1, 3), and 1 - its opacity, [1,H,W]. A very large one comes made smaller;
   * `stored` is its own size then, and its reader says so to people.
   */
  readImage(name: string): Promise<{
    image: Tensor
    mask: Tensor
    stored?: { readonly width: number; readonly height: number }
  }>
  /** Writes one PNG per image of the batch, with prompt and workflow inside; `prefix` may hold folders. */
  saveImages(images: Tensor, options: { type: 'output' | 'temp'; prefix?: string }): Promise<SavedImage[]>
  /** Sends the pictures of a batch to whoever asked for the run, as frames of this node: each of them, and none to a file. */
  sendImages(images: Tensor): Promise<void>
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

/** Output `slot` of another node: of one in the same expansion by its name there, of any other by its id. */
export type Link = readonly [node: string, slot: number]

/** A graph that takes the place of a node: nodes by names of their own; `outputs`, by name, are links into it, or values. */
export type Expansion = {
  readonly graph: Readonly<Record<string, { readonly class_type: string; readonly inputs: Readonly<Record<string, unknown>> }>>
  readonly outputs: Readonly<Record<string, unknown>>
}

/** What `run` gives: outputs, or the graph they will come from. */
export type NodeResult<O extends Outputs> = (OutputValues<O> | { readonly expand: Expansion }) & { readonly ui?: Ui }

/** A node's own check of values, before anything runs. */
export type Validate<Values = Readonly<Record<string, unknown>>> = {
  /** The inputs it speaks for: range and choices of these are left to it, and what it finds is told on each of them. */
  readonly inputs: readonly (keyof Values & string)[]
  /** `literals`: converted; links are not among them. True, or what is wrong. */
  check(literals: Partial<Values>): boolean | string | Promise<boolean | string>
}

export type NodeSpec<I extends Inputs = Inputs, O extends Outputs = Outputs, IsList extends boolean = false> = {
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
  /** Runs once with the whole list of every input, where other nodes run once for each item. */
  readonly inputIsList?: IsList
  /**
   * Takes links into inputs that it does not declare, under the names they were given, as ComfyUI's nodes with `**kwargs` do: `run`
   * finds them among its inputs. Of other nodes such links are left out.
   */
  readonly takesUndeclared?: boolean
  /** Two of them with the same inputs are two: the id takes part in the cache key. */
  readonly notIdempotent?: boolean
  /**
   * Only waits, for time or for another machine: others run meanwhile. Everything that computes runs alone, as the networks share
   * one device and its memory: two at once would be slower than one after the other, and need both their memories.
   */
  readonly concurrent?: boolean
  /**
   * Anything outside the inputs that the result depends on (the bytes of a file; of a checkpoint also the names that people gave
   * its prototypes, which `hash` covers); part of the cache key. NaN, or an error: never taken from the cache.
   */
  fingerprint?(
    inputs: Partial<InputValues<I>>,
    files: { hash(kind: FileKind, name: string): Promise<string> },
  ): Promise<string | number>
  readonly validate?: Validate<InputValues<I>>
  /** Names of `lazy` inputs that are still wanted, given what is there; asked again with those until it wants none that is not there. */
  needs?(inputs: Partial<InputValues<I, IsList>>): readonly (keyof I & string)[] | Promise<readonly (keyof I & string)[]>
  run(inputs: InputValues<I, IsList>, context: Context): Promise<NodeResult<O>>
}

/** Does nothing at run time; it is what lets `run` know the types of its own ports. */
export const defineNode = <const I extends Inputs, const O extends Outputs, const IsList extends boolean = false>(
  spec: NodeSpec<I, O, IsList>,
): NodeSpec<I, O, IsList> => spec

/** A node whose ports are no longer known one by one: what catalog and executor hold. */
/* eslint-disable @typescript-eslint/no-explicit-any -- variance: `run` of a concrete node takes narrower inputs than `Inputs` */
export type AnyNode = Omit<NodeSpec<any, any, any>, 'run'> & { run(inputs: any, context: Context): Promise<any> }
/* eslint-enable @typescript-eslint/no-explicit-any */
export type Catalog = ReadonlyMap<string, AnyNode>
