import type { Labels, Matrix } from './matrix.ts'
import { minimize } from './newton.ts'

/** A fitted probe: class probabilities [N, classes] of the rows of a matrix. */
export type Probe = { readonly weights: Float64Array; readonly intercepts: Float64Array; probabilities(x: Matrix): Matrix }

const softplus = (u: number): number => (u > 0 ? u + Math.log1p(Math.exp(-u)) : Math.log1p(Math.exp(u)))
const sigmoid = (u: number): number => (u >= 0 ? 1 / (1 + Math.exp(-u)) : Math.exp(u) / (1 + Math.exp(u)))

/** intercept + w·row i of x; `parameters` holds, from `from` on, w and then the intercept. */
function score({ columns, data }: Matrix, i: number, parameters: Float64Array, from = 0): number {
  let sum = parameters[from + columns]
  for (let j = 0; j < columns; j++) sum += parameters[from + j] * data[i * columns + j]
  return sum
}

/** Row i of x with a 1 after it, written to `out`. */
function augmented({ columns, data }: Matrix, i: number, out: Float64Array): void {
  for (let j = 0; j < columns; j++) out[j] = data[i * columns + j]
  out[columns] = 1
}

/** Lower triangle of block (k,l) of the Hessian += c·z·zᵀ, where blocks are z.length wide. */
function addOuter(hessian: Float64Array, width: number, k: number, l: number, c: number, z: Float64Array): void {
  const n = z.length
  for (let i = 0; i < n; i++) {
    const row = (k * n + i) * width + l * n
    const scaled = c * z[i]
    for (let j = 0; j <= i; j++) hessian[row + j] += scaled * z[j]
  }
}

/** The other triangle of every block below the diagonal: each block is symmetric in itself. */
function mirrorBlocks(hessian: Float64Array, width: number, n: number): void {
  for (let row = n; row < width; row++)
    for (let from = 0; from < row - (row % n); from += n)
      for (let j = (row % n) + 1; j < n; j++) {
        hessian[row * width + from + j] = hessian[(row - (row % n) + j) * width + from + (row % n)]
      }
}

/** ½‖w‖² of every entry but the intercepts, which are each `stride`-th. */
function penalty(parameters: Float64Array, stride: number): number {
  let sum = 0
  for (let i = 0; i < parameters.length; i++) if (i % stride !== stride - 1) sum += parameters[i] ** 2 / 2
  return sum
}

function addPenaltyDerivatives(at: Float64Array, stride: number, gradient: Float64Array, hessian: Float64Array): void {
  for (let i = 0; i < at.length; i++) {
    if (i % stride === stride - 1) continue
    gradient[i] += at[i]
    hessian[i * at.length + i] += 1
  }
}

/**
 * Binary logistic regression: minimises ½‖w‖² + Σ ln(1 + exp(∓(w·z + b))), the intercept b unpenalised: scikit-learn's
 * `LogisticRegression()` with C = 1 (spec section 7.2), but solved to convergence. Labels are 0 or 1.
 */
export function fitLogistic(x: Matrix, labels: Labels): Probe {
  const stride = x.columns + 1
  const z = new Float64Array(stride)
  const parameters = minimize(
    {
      value(at) {
        let loss = penalty(at, stride)
        for (let i = 0; i < x.rows; i++) loss += softplus(labels[i] === 1 ? -score(x, i, at) : score(x, i, at))
        return loss
      },
      derivatives(at, gradient, hessian) {
        addPenaltyDerivatives(at, stride, gradient, hessian)
        for (let i = 0; i < x.rows; i++) {
          augmented(x, i, z)
          const p = sigmoid(score(x, i, at))
          for (let j = 0; j < stride; j++) gradient[j] += (p - (labels[i] === 1 ? 1 : 0)) * z[j]
          addOuter(hessian, stride, 0, 0, p * (1 - p), z)
        }
      },
    },
    new Float64Array(stride),
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
  const [p, z] = [new Float64Array(count), new Float64Array(stride)]
  const parameters = minimize(
    {
      value(at) {
        let loss = penalty(at, stride)
        for (let i = 0; i < x.rows; i++) loss += softmaxRow(x, i, at, p) - score(x, i, at, classes[i] * stride)
        return loss
      },
      derivatives(at, gradient, hessian) {
        addPenaltyDerivatives(at, stride, gradient, hessian)
        for (let i = 0; i < x.rows; i++) {
          augmented(x, i, z)
          softmaxRow(x, i, at, p)
          for (let k = 0; k < count; k++) {
            for (let j = 0; j < stride; j++) gradient[k * stride + j] += (p[k] - (k === classes[i] ? 1 : 0)) * z[j]
            for (let l = 0; l <= k; l++) addOuter(hessian, at.length, k, l, p[k] * ((k === l ? 1 : 0) - p[l]), z)
          }
        }
        mirrorBlocks(hessian, at.length, stride)
      },
    },
    new Float64Array(count * stride),
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
