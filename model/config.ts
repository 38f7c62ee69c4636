/**
 * Everything that decides what the weights mean. Stored inside the checkpoint, next to them, and read back from there;
 * no code ever asks for a model by name.
 */
export type ModelConfig = {
  /** Pixels and channels of an image, values -1 … 1 inside the model. */
  readonly image: { readonly height: number; readonly width: number; readonly channels: number }
  readonly encoder: EncoderConfig
  readonly prototypes: {
    /** m in the paper. */
    readonly count: number
    /** D in the paper: channels of the encoder's output and length of a prototype. */
    readonly dim: number
    /** ε of s = ln((d + 1) / (d + ε)). */
    readonly epsilon: number
  }
  readonly unet: UNetConfig
  /** T: steps of the noise schedule. */
  readonly timesteps: number
}

/** Patch encoder: convolutions with a ReLU after each (spec section 1.1). `channels` has one entry more than there are layers. */
export type EncoderConfig = {
  readonly channels: readonly number[]
  readonly kernels: readonly number[]
  readonly strides: readonly number[]
  readonly paddings: readonly number[]
}

export type UNetConfig = {
  /** Space-to-depth factor before the first convolution and depth-to-space after the last; 1 = none (official). */
  readonly stem: number
  readonly base: number
  readonly multipliers: readonly number[]
  /** One flag a level: self-attention after every block of it. The bottleneck always has it. */
  readonly attention: readonly boolean[]
  /** Residual blocks a level on the way down (one more on the way up). Official 2. */
  readonly resBlocks: number
  readonly groups: number
  readonly heads: number
  /** Channel-wise dropout in training. */
  readonly dropout: number
  /** Width of the time and condition embeddings, in units of `base`. */
  readonly timeMultiple: number
  /** s is multiplied by this before the condition MLP. Official 1. */
  readonly conditionScale: number
  /**
   * What the last layer gives: the noise ε (absent, official), or v = √ᾱ·ε − √(1−ᾱ)·x0 (Salimans & Ho 2022, arXiv:2202.00512),
   * from which ε̂ follows. Near t = T an error of ε̂ is magnified 1/√ᾱ ≈ 157 times in x̂0, an error of v not at all.
   */
  readonly predicts?: 'eps' | 'v'
}

/** The 1-D network that generates s (spec sections 1.7 and 5). */
export type PriorConfig = {
  readonly base: number
  readonly multipliers: readonly number[]
  readonly resBlocks: number
  readonly groups: number
  readonly dropout: number
  /** Steps of its own schedule; official 100. */
  readonly timesteps: number
  /** Statistics s was standardised with before training, one entry per prototype; absent = raw s (official). */
  readonly standardize?: { readonly mean: readonly number[]; readonly std: readonly number[] }
}
