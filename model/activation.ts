/** s = ln((d + 1)/(d + ε)): 0 = absent … ln(1/ε) = 9.21 = an exact match. Chen et al. 2019 (arXiv:1806.10574), section 2.1. */
export const activationOf = (distance: number, epsilon = 1e-4): number => Math.log((distance + 1) / (distance + epsilon))
