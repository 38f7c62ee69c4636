import type { Labels, Matrix } from './matrix.ts'
import { minimize } from './minimize.ts'

/** A fitted probe: class probabilities [N, classes] of the rows of a matrix. */
export type Probe = { readonly weights: Float64Array; readonly intercepts: Float64Array; probabilities(x: Matrix): Matrix }

const softplus = (u: number): number => (u > 0 ? u + Math.log1p(Math.exp(-u)) : Math.log1p(Math.exp(u)))
const sigmoid = (u: number): number => (u >= 0 ? 1 / (1 + Math.exp(-u)) : Math.exp(u) / (1 + Math.exp(u)))

/** intercept + w·row i of x; `parameters` is w with the intercept after it. */
function score({ columns, data }: Matrix, i: number, parameters: Float64Array, from = 0): number {
  let sum = parameters[from + columns]
  for (let j = 0; j < columns; j++) sum += parameters[from + j] * data[i * columns + j]
  return sum
}

/** gradient += c·(row i of x, 1) */
function addRow({ columns, data }: Matrix, i: number, c: number, gradient: Float64Array, from = 0): void {
  for (let j = 0; j < columns; j++) gradient[from + j] += c * data[i * columns + j]
  gradient[from + columns] += c
}

/**
 * Binary logistic regression: minimises ½‖w‖² + Σ ln(1 + exp(∓(w·z + b))), the intercept b unpenalised: scikit-learn's
 * `LogisticRegression()` with C = 1 (spec section 7.2), but solved to convergence. Labels are 0 or 1.
 */
export function fitLogistic(x: Matrix, labels: Labels): Probe {
  const parameters = minimize(
    (at, gradient) => {
      gradient.set(at)
      gradient[x.columns] = 0
      let loss = 0
      for (let j = 0; j < x.columns; j++) loss += at[j] ** 2 / 2
      for (let i = 0; i < x.rows; i++) {
        const u = score(x, i, at)
        loss += softplus(labels[i] === 1 ? -u : u)
        addRow(x, i, sigmoid(u) - (labels[i] === 1 ? 1 : 0), gradient)
      }
      return loss
    },
    new Float64Array(x.columns + 1),
  )
  return {
    weights: parameters.slice(0, x.columns),
    intercepts: parameters.slice(x.columns),
    probabilities(rows) {
      const data = new Float64Array(rows.rows * 2)
      for (let i = 0; i < rows.rows; i++) {
        data[2 * i + 1] = sigmoid(score(rows, i, parameters))
        data[2 * i] = 1 - data[2 * i + 1]
      }
      return { rows: rows.rows, columns: 2, data }
    },
  }
}

/** Softmax of the class scores of row i, written to `out`; returns ln Σ exp. */
function softmaxRow(x: Matrix, i: number, parameters: Float64Array, out: Float64Array): number {
  for (let k = 0; k < out.length; k++) out[k] = score(x, i, parameters, k * (x.columns + 1))
  const top = out.reduce((a, b) => Math.max(a, b))
  let sum = 0
  for (let k = 0; k < out.length; k++) sum += out[k] = Math.exp(out[k] - top)
  for (let k = 0; k < out.length; k++) out[k] /= sum
  return top + Math.log(sum)
}

/** Multinomial logistic regression over classes 0 … count-1: ½‖W‖² + Σ cross entropy, intercepts unpenalised. */
export function fitMultinomial(x: Matrix, classes: Labels, count: number): Probe {
  const stride = x.columns + 1
  const p = new Float64Array(count)
  const parameters = minimize(
    (at, gradient) => {
      let loss = 0
      for (let i = 0; i < at.length; i++) {
        gradient[i] = i % stride === x.columns ? 0 : at[i]
        loss += gradient[i] ** 2 / 2
      }
      for (let i = 0; i < x.rows; i++) {
        const truth = classes[i]
        loss += softmaxRow(x, i, at, p) - score(x, i, at, truth * stride)
        for (let k = 0; k < count; k++) addRow(x, i, p[k] - (k === truth ? 1 : 0), gradient, k * stride)
      }
      return loss
    },
    new Float64Array(count * stride),
    { tolerance: 1e-4 },
  )
  return {
    weights: parameters.filter((_, i) => i % stride !== x.columns),
    intercepts: parameters.filter((_, i) => i % stride === x.columns),
    probabilities(rows) {
      const data = new Float64Array(rows.rows * count)
      for (let i = 0; i < rows.rows; i++) softmaxRow(rows, i, parameters, data.subarray(i * count, (i + 1) * count))
      return { rows: rows.rows, columns: count, data }
    },
  }
}
