import fc from 'fast-check'
import { auroc, aurocMatrix } from '../analysis/metrics/auroc.ts'
import { kFold, split } from '../analysis/metrics/folds.ts'
import { latentAuroc } from '../analysis/metrics/latent-auroc.ts'
import { fitLogistic, fitMultinomial } from '../analysis/metrics/logistic.ts'
import { matrix } from '../analysis/metrics/matrix.ts'
import { minimize } from '../analysis/metrics/newton.ts'
import { probeAccuracy } from '../analysis/metrics/probe.ts'
import { fitScaler, standardize } from '../analysis/metrics/standardize.ts'
import { quantile, shareInterval } from '../analysis/metrics/statistics.ts'
import { mutualInformation, tad } from '../analysis/metrics/tad.ts'
import { random } from '../model/noise.ts'

const scored = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: -5, max: 5 })), {
  minLength: 2,
  maxLength: 40,
})

test('AUROC is the share of positive-negative pairs put in the right order, ties counting half', () => {
  fc.assert(
    fc.property(scored, rows => {
      const pairs = rows.flatMap(([up, high]) =>
        up ? rows.flatMap(([down, low]) => (down ? [] : [(Math.sign(high - low) + 1) / 2])) : [],
      )
      const byHand = pairs.length ? pairs.reduce((x, y) => x + y, 0) / pairs.length : null
      const ours = auroc(rows.map(([label]) => label), rows.map(([, score]) => score)) // prettier-ignore
      if (byHand === null) expect(ours).toBeNull()
      else expect(ours).toBeCloseTo(byHand, 12)
    }),
  )
})

test('turning the scores round turns AUROC into one minus itself, and a score that is no number is refused', () => {
  const labels = [0, 1, 1, 0, 1]
  const scores = [0.1, 0.7, 0.2, 0.2, 0.9]
  expect(auroc(labels, scores)! + auroc(labels, scores.map((score) => -score))!).toBeCloseTo(1, 12) // prettier-ignore
  expect(() => auroc(labels, [1, 2, NaN, 4, 5])).toThrow('not a number')
})

test('every image is in the test part of exactly one fold and in the train part of all others', () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 200 }), fc.integer({ min: 2, max: 5 }), (n, count) => {
      const folds = kFold(n, count)
      expect(folds.flatMap(({ test }) => [...test]).sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, i) => i))
      for (const { train, test } of folds) expect(new Set([...train, ...test]).size).toBe(n)
    }),
  )
  expect(() => kFold(3, 5)).toThrow('wants 2 … 3 folds')
})

test('standardised columns have mean 0 and deviation 1, and a constant column becomes 0', () => {
  const x = matrix(4, 2, [1, 7, 2, 7, 3, 7, 6, 7])
  const { data } = standardize(fitScaler(x), x)
  const first = data.filter((_, i) => i % 2 === 0)
  expect(first.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12)
  expect(first.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(4, 12)
  expect([...data.filter((_, i) => i % 2 === 1)]).toEqual([0, 0, 0, 0])
})

test('the minimiser finds the bottom of a bowl that is a million times steeper one way, and does not mind a flat direction', () => {
  // ½(x + y - 3)²·10⁶ + ½(x - y)² + cosh(u), the fourth number unseen.
  const [x, y, u, unseen] = minimize(
    {
      value: ([x, y, u]) => 5e5 * (x + y - 3) ** 2 + (x - y) ** 2 / 2 + Math.cosh(u),
      derivatives([x, y, u], gradient, hessian) {
        gradient.set([1e6 * (x + y - 3) + x - y, 1e6 * (x + y - 3) - x + y, Math.sinh(u), 0])
        hessian.set([1e6 + 1, 0, 0, 0, 1e6 - 1, 1e6 + 1, 0, 0, 0, 0, Math.cosh(u), 0, 0, 0, 0, 0])
      },
    },
    Float64Array.of(-5, 9, 4, 2),
  )
  expect([x, y, u, unseen]).toEqual([1.5, 1.5, 0, 2].map(value => expect.closeTo(value, 5)))
})

test('a probe on columns that are nearly copies of each other is still solved: its gradient is zero', () => {
  const stream = random(1)
  const base = Array.from({ length: 60 }, () => stream.normal())
  const x = matrix(60, 3, base.flatMap(value => [value, value + 1e-4 * stream.normal(), stream.normal()])) // prettier-ignore
  const labels = base.map(value => (value + 0.5 * stream.normal() > 0 ? 1 : 0))
  const { weights, probabilities } = fitLogistic(x, labels)
  const p = probabilities(x).data
  for (let j = 0; j < 3; j++) {
    const pull = labels.reduce<number>((sum, label, i) => sum + (p[2 * i + 1] - label) * x.data[3 * i + j], 0)
    expect(weights[j] + pull).toBeCloseTo(0, 5)
  }
})

test('the worked probe of the specification: w .86927, b 0, test AUROC 5/6', () => {
  const scaler = fitScaler(matrix(6, 1, [0, 1, 2, 3, 4, 5]))
  const probe = fitLogistic(standardize(scaler, matrix(6, 1, [0, 1, 2, 3, 4, 5])), [0, 0, 1, 0, 1, 1])
  expect([probe.weights[0], probe.intercepts[0]]).toEqual([expect.closeTo(0.86927, 4), expect.closeTo(0, 4)])
  const { data } = probe.probabilities(standardize(scaler, matrix(5, 1, [0.5, 2.5, 1.5, 4.5, 3.5])))
  const p = data.filter((_, i) => i % 2 === 1)
  expect([...p]).toEqual([0.26542, 0.5, 0.37543, 0.73458, 0.62457].map(value => expect.closeTo(value, 4)))
  expect(auroc([0, 0, 1, 1, 1], p)).toBeCloseTo(5 / 6, 12)
})

test('class probabilities sum to one, and at the optimum every class is predicted as often as it occurs', () => {
  const x = matrix(7, 2, [0, 1, 1, 0, 2, 2, 0, 0, 3, 1, 1, 3, 2, 0])
  const classes = [0, 1, 2, 0, 1, 2, 1]
  const { data } = fitMultinomial(x, classes, 3).probabilities(x)
  const totals = [0, 0, 0]
  for (let i = 0; i < 7; i++) {
    expect(data[3 * i] + data[3 * i + 1] + data[3 * i + 2]).toBeCloseTo(1, 12)
    for (let k = 0; k < 3; k++) totals[k] += data[3 * i + k]
  }
  expect(totals).toEqual([2, 3, 2].map(count => expect.closeTo(count, 3)))
})

test('mutual information: of an attribute with itself its entropy, with an independent one nothing', () => {
  expect(mutualInformation([0, 1, 0, 1], [0, 1, 0, 1])).toBeCloseTo(Math.LN2, 12)
  expect(mutualInformation([0, 1, 0, 1], [0, 0, 1, 1])).toBeCloseTo(0, 12)
})

test('an attribute that is constant is answered with null, never with NaN, and leaves the others alone', () => {
  const s = matrix(
    10,
    2,
    Array.from({ length: 20 }, (_, i) => (i % 2 ? (i * 7) % 5 : i)),
  )
  const half = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
  const never = new Array(10).fill(0)
  expect(aurocMatrix(s, [never, half])[0]).toBeNull()
  const both = tad(s, [never, half])
  expect(both.attributes[0]).toBeNull()
  expect(both.tad).toBe(tad(s, [half]).tad)
  const probed = latentAuroc(s, [never, half])
  expect(probed.attributes[0]).toBeNull()
  expect(probed.mean).toBe(latentAuroc(s, [half]).mean)
  expect(latentAuroc(s, [never])).toEqual({ mean: null, std: null, attributes: [null] })
})

test('with a single column the second best is 0, as in the authors’ code', () => {
  const { attributes, tad: total } = tad(matrix(4, 1, [1, 2, 3, 4]), [[0, 0, 1, 1]])
  expect(attributes[0]).toMatchObject({ best: 1, second: 0, captured: true })
  expect(total).toBe(1)
})

test('two attributes that are copies of each other are both told and neither is captured', () => {
  const { captured, attributes } = tad(matrix(4, 1, [1, 2, 3, 4]), [[0, 0, 1, 1], [0, 0, 1, 1]]) // prettier-ignore
  expect([captured, attributes[0]!.best, attributes[0]!.redundancy]).toEqual([0, 1, expect.closeTo(1, 12)])
})

test('classes that are far apart are told without error, also by one plain split', () => {
  const classes = Array.from({ length: 30 }, (_, i) => i % 3)
  const s = matrix(30, 2, classes.flatMap((label, i) => [10 * label + 0.01 * i, label === 1 ? 5 : 0])) // prettier-ignore
  expect(probeAccuracy(s, classes).accuracy).toBe(1)
  expect(probeAccuracy(s, classes, [split(30, 20)]).oneVsRest).toEqual([1, 1, 1])
  expect(() => probeAccuracy(s, classes.map((label) => label - 1))).toThrow('got -1') // prettier-ignore
})

test('labels that do not fit the images are refused with both counts', () => {
  expect(() => tad(matrix(3, 1, [1, 2, 3]), [[0, 1]])).toThrow('3 images but 2 labels of attribute 0')
})

test('quantiles lie between neighbours in proportion', () => {
  expect([quantile([1, 2, 4], 0), quantile([1, 2, 4], 0.75), quantile([1, 2, 4], 1)]).toEqual([1, 3, 4])
})

test('the interval of a share ends at the shares that lie 1.96 of their own deviations away from it, and narrows with more pictures', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(500), (count, some) => {
      const right = some % (count + 1)
      const share = right / count
      const { low, high } = shareInterval(right, count)
      // Wilson 1927. Multiplied out, so that ends of 0 and 1, whose deviation is 0, need no words of their own.
      for (const end of [low, high]) expect((share - end) ** 2).toBeCloseTo((1.96 ** 2 * end * (1 - end)) / count, 10)
      expect(low).toBeLessThanOrEqual(share)
      expect(high).toBeGreaterThanOrEqual(share)
      expect(low).toBeLessThan(high)
      const more = shareInterval(4 * right, 4 * count)
      expect(more.high - more.low).toBeLessThan(high - low)
    }),
  )
  expect(() => shareInterval(0, 0)).toThrow('wants at least 1 picture')
})
