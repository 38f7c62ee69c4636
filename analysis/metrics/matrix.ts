import { sizeOf, type Tensor } from '../../model/tensor.ts'

/** What the metrics compute on: rows are images, columns are entries of s. Row-major, float64; never written to once made. */
export type Matrix = { readonly rows: number; readonly columns: number; readonly data: Float64Array }

/** One attribute over all images: 0 = absent, 1 = present; or a class number. */
export type Labels = ArrayLike<number>

export function matrix(rows: number, columns: number, data: ArrayLike<number>): Matrix {
  if (data.length !== rows * columns)
    throw new Error(`matrix: ${rows} x ${columns} wants ${rows * columns} numbers, got ${data.length}`)
  return { rows, columns, data: data instanceof Float64Array ? data : Float64Array.from(data) }
}

/** s [N,m] (or any tensor, its rows flattened) as a matrix. */
export const fromTensor = (x: Tensor): Matrix => matrix(x.shape[0], sizeOf(x.shape.slice(1)), x.data)

export function takeRows(x: Matrix, rows: ArrayLike<number>): Matrix {
  const data = new Float64Array(rows.length * x.columns)
  for (let i = 0; i < rows.length; i++) data.set(x.data.subarray(rows[i] * x.columns, (rows[i] + 1) * x.columns), i * x.columns)
  return { rows: rows.length, columns: x.columns, data }
}

export const takeLabels = (labels: Labels, rows: ArrayLike<number>): Float64Array => Float64Array.from(rows, row => labels[row])

/** Throws unless every attribute has one label a row of `x`. */
export function checkLabels(x: Matrix, attributes: readonly Labels[]): void {
  for (const [i, labels] of attributes.entries())
    if (labels.length !== x.rows) throw new Error(`metrics: ${x.rows} images but ${labels.length} labels of attribute ${i}`)
}
