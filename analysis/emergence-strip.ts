/** Prototypes by steps: when each has risen, as rows of a heat matrix, earliest first. */
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Emergence } from './emergence.ts'
import type { Matrix } from './figures/matrix.ts'
import { prototypeLabel } from './ranges.ts'

/**
 * Mean Δ_J(t) as a share of where it ends; below 0 before it rises, so the colours are cut at 0 and 1. A row of nulls for a prototype
 * that does not rise.
 */
export function emergenceStrip({ t, prototypes }: Emergence, info: CheckpointInfo): Matrix {
  const early = [...prototypes].sort((a, b) => (b.onset.t50 ?? -1) - (a.onset.t50 ?? -1) || a.prototype - b.prototype)
  return {
    title: 'Rise of each prototype, earliest first',
    rows: early.map(({ prototype }) => prototypeLabel(prototype, info)),
    columns: t.map(String),
    columnLabel: 'timestep t (noise to picture)',
    values: early.map(({ raised: { mean }, rises }) => mean.map(value => (rises ? value / mean[mean.length - 1] : null))),
    label: 'share of the final rise',
    colors: 'sequential',
    limits: [0, 1],
    numbers: false,
  }
}
