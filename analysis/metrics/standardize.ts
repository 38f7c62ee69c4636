import type { Fold } from './folds.ts'
import { takeRows, type Matrix } from './matrix.ts'

/** Per column: the mean, and the population standard deviation (1 where the column is constant, as scikit-learn has it). */
export type Scaler = { readonly mean: Float64Array; readonly scale: Float64Array }

export function fitScaler({ rows, columns, data }: Matrix): Scaler {
  const mean = new Float64Array(columns)
  const scale = new Float64Array(columns)
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < rows; i++) mean[j] += data[i * columns + j] / rows
    for (let i = 0; i < rows; i++) scale[j] += (data[i * columns + j] - mean[j]) ** 2 / rows
    const std = Math.sqrt(scale[j])
    scale[j] = std > 10 * Number.EPSILON * Math.max(1, Math.abs(mean[j])) ? std : 1
  }
  return { mean, scale }
}

/** z = (x - mean) / scale, column by column. */
export const standardize = ({ mean, scale }: Scaler, x: Matrix): Matrix => ({
  ...x,
  data: x.data.map((value, i) => (value - mean[i % x.columns]) / scale[i % x.columns]),
})

/** Train and test parts of one fold, both scaled by the statistics of the train part. */
export function scaledFold(s: Matrix, { train, test }: Fold): { train: Matrix; test: Matrix } {
  const fitted = takeRows(s, train)
  const scaler = fitScaler(fitted)
  return { train: standardize(scaler, fitted), test: standardize(scaler, takeRows(s, test)) }
}
