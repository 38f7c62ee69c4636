import type { CheckpointInfo } from '../engine/patronus.ts'
import { checkActivations, column } from './ranges.ts'
import type { Tensor } from '../model/tensor.ts'

/** s of the first picture as a table, strongest prototype first, beside what is usual: the median and maximum the checkpoint knows. */
export function strongest(
  s: Tensor,
  info: CheckpointInfo,
): { title: string; columns: string[]; rows: (string | number | null)[][] } {
  checkActivations(s, info)
  const { ranges, names } = info
  const three = (value: number | undefined) => (value === undefined ? null : Number(value.toFixed(3)))
  const rows = Array.from({ length: info.config.prototypes.count }, (_, j) => [
    j,
    names?.[String(j)] ?? null,
    three(column(s, j)[0]),
    three(ranges?.[j]?.quantiles.q50),
    three(ranges?.[j]?.max),
  ])
  rows.sort((a, b) => Number(b[2]) - Number(a[2]))
  return { title: 'Activations s, strongest first', columns: ['prototype', 'name', 's', 'usual', 'maximum'], rows }
}
