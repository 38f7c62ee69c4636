import { combine, type Tensor } from './tensor.ts'

/** The forward process q(x_t | x_0): x_t = √ᾱ_t x0 + √(1 − ᾱ_t) ε (Ho et al. 2020, Eq. 4), one ᾱ_t for the whole batch. */
export const diffuse = (x0: Tensor, eps: Tensor, alphaBar: number): Tensor =>
  combine([Math.sqrt(alphaBar), x0], [Math.sqrt(1 - alphaBar), eps])
