import type { ModelConfig, PriorConfig } from '../model/config.ts'
import type { Denoiser } from '../model/denoiser.ts'
import type { Tensor } from '../model/tensor.ts'

/** How one prototype's activation is distributed over a representative set: its own "plausible" range. */
export type PrototypeRange = {
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly std: number
  /** s at 1, 5, 15, 50, 85, 95, 99 %. */
  readonly quantiles: Readonly<Record<'q01' | 'q05' | 'q15' | 'q50' | 'q85' | 'q95' | 'q99', number>>
  /** Pictures in equal bins from min to max; files of earlier versions have none. */
  readonly histogram?: readonly number[]
}

/** What a checkpoint says about itself, besides its weights. JSON inside the .safetensors metadata. */
export type CheckpointInfo = {
  readonly name: string
  /** One sentence for people. */
  readonly description: string
  readonly config: ModelConfig
  readonly prior?: PriorConfig
  /** One entry a prototype; absent on imported checkpoints until they were measured. */
  readonly ranges?: readonly PrototypeRange[]
  /** Number of images the ranges were measured over. */
  readonly rangesOver?: number
  /** Names given to prototypes, by index. */
  readonly names?: Readonly<Record<string, string>>
  readonly dataset: string
  /** How it came to be: command, seed, steps, time, versions; or the file it was imported from. */
  readonly provenance: Readonly<Record<string, string | number | boolean>>
  readonly licence: string
}

/** What the encoder says about images. B images, n×n grid, m prototypes. */
export type Encoding = {
  /** [B,m], s = ln((d+1)/(d+ε)); 0 = absent, 9.21 = exact match. */
  readonly s: Tensor
  /** [B,m] smallest squared distance. */
  readonly minDistance: Tensor
  /** [B,m] cell of the smallest distance, row-major index into n×n (exact integers in float32). */
  readonly argmin: Tensor
}

/** A loaded checkpoint. Nothing above engine/ can tell on which device or in which way it computes. */
export type Patronus = {
  /** SHA-256 of the file, hex: the identity used in caches. */
  readonly id: string
  readonly info: CheckpointInfo
  /** images [B,H,W,C] in -1…1 */
  encode(images: Tensor): Promise<Encoding>
  /** Distances of every cell: images [B,H,W,C] in -1…1 → [B,n,n,m]. */
  distances(images: Tensor): Promise<Tensor>
  /** The encoder's feature map z: images [B,H,W,C] in -1…1 → [B,n,n,D], every entry ≥ 0. */
  features(images: Tensor): Promise<Tensor>
  /** The noise estimator conditioned on s [B,m] (or [1,m], used for the whole batch). */
  denoiser(s: Tensor): Denoiser
  /** Noise estimator of the prior over x [B,m], in the prior's own (standardised or raw) units; undefined when it has none. */
  readonly prior?: Denoiser
  dispose(): Promise<void>
}
