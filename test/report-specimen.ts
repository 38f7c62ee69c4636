/** A report with a figure of every kind, of numbers that a seed decides: what a page must be able to show. */
import { histogramSvg } from '../analysis/figures/histogram.ts'
import { intervalsSvg } from '../analysis/figures/intervals.ts'
import { plotSvg } from '../analysis/figures/line-plot.ts'
import { matrixSvg } from '../analysis/figures/matrix.ts'
import { scatterSvg } from '../analysis/figures/scatter.ts'
import type { Report } from '../analysis/report.ts'
import { gaussian } from '../model/noise.ts'
import { map, type Tensor } from '../model/tensor.ts'

const numbers = (count: number, seed: number): number[] => [...gaussian([count], seed).data]
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const attributes = ['smile', 'glasses', 'beard', 'long hair', 'hat', 'earrings', 'brown hair', 'blond hair']

/** Soft blobs, one a picture. */
function blobs(count: number, size: number): Tensor {
  const at = numbers(count * 2, 7)
  return map({ shape: [count, size, size, 3], data: new Float32Array(count * size * size * 3) }, (_, i) => {
    const [b, pixel] = [Math.floor(i / (size * size * 3)), Math.floor(i / 3) % (size * size)]
    const [x, y] = [(pixel % size) / size - 0.5 - at[b * 2] / 6, Math.floor(pixel / size) / size - 0.5 - at[b * 2 + 1] / 6]
    return Math.exp(-(x * x + y * y) * 12) * [1, 0.6 + 0.05 * b, 0.4][i % 3] + 0.08
  })
}

const pairs = matrixSvg({
  title: 'Effect of raising a prototype on each attribute',
  rows: range(8).map(j => (j === 3 ? `${j} glasses & <frames>` : `prototype ${j}`)),
  columns: attributes,
  rowLabel: 'prototype raised',
  columnLabel: 'attribute of the result',
  values: range(8).map(j => numbers(8, j + 1).map((v, a) => (a === 5 && j % 3 === 0 ? null : v * (a === j ? 0.3 : 0.06)))),
  label: 'change of the classifier’s probability',
  colors: 'diverging',
})

const strip = matrixSvg({
  title: 'When 300 prototypes emerge',
  rows: range(300).map(String),
  columns: range(50).map(k => String(Math.round((999 * (49 - k)) / 49))),
  rowLabel: 'prototype',
  columnLabel: 'timestep t (noise to picture)',
  values: range(300).map(j => range(50).map(k => (j === 120 ? null : 0.6 / (1 + Math.exp((20 + (j % 37) - k) / 4))))),
  label: 'rise of s over the original picture',
  colors: 'sequential',
})

const forest = intervalsSvg({
  title: 'Effect of an edit, with 95 % intervals over pictures',
  x: { label: 'change of probability' },
  rows: attributes.flatMap((name, i) => {
    const [mean, other] = numbers(2, 40 + i).map(v => v * 0.15)
    return [
      { name, group: 'biased model', mean, low: mean - 0.06, high: mean + 0.07 },
      {
        name,
        group: 'unbiased model',
        mean: i === 2 ? null : other,
        low: i === 2 ? null : other - 0.05,
        high: i === 2 ? null : other + 0.05,
      },
    ]
  }),
})

const [xs, noise] = [numbers(40, 60), numbers(40, 61)]
const cloud = scatterSvg({
  title: 'Prior and data: mean of s',
  x: { label: 'mean of s, test pictures' },
  y: { label: 'mean of s, samples of the prior' },
  points: xs.map((x, i) => ({
    x: 0.3 + x / 12,
    y: 0.28 + x / 14 + noise[i] / 30,
    group: i % 5 ? 'face' : 'hair',
    ...(i % 3 === 0 && { label: `prototype ${i}` }),
    ...(i % 4 === 0 && { yInterval: [0.24 + x / 14 + noise[i] / 30, 0.32 + x / 14 + noise[i] / 30] as const }),
  })),
  line: { slope: 0.86, intercept: 0.022 },
  note: 'r = 0.91 [0.84, 0.95], 40 prototypes; line: least squares',
})

const curve = plotSvg({
  title: 'When prototypes emerge',
  x: { label: 'timestep t (noise to picture)', values: range(20).map(k => 999 - k * 52), reverse: true },
  y: { label: 'rise of s' },
  series: range(7).flatMap(j => [
    {
      name: `prototype ${j}`,
      y: range(20).map(k => (0.1 + j / 20) / (1 + Math.exp((8 + j - k) / 2))),
      band: range(20).map(() => 0.02),
    },
    ...(j === 0 ? [{ name: `prototype ${j} (control)`, y: range(20).map(k => 0.01 * Math.sin(k)), dashed: true }] : []),
  ]),
  marks: [{ x: 520, label: '0: t = 520' }],
})

const counts = range(32).map(i => Math.round(900 * Math.exp(-((i - 7) ** 2) / 30) + 60 * Math.exp(-((i - 22) ** 2) / 20)))
const marks = [
  { x: 0.03, label: '5 %' },
  { x: 0.19, label: '50 %' },
  { x: 0.52, label: '95 %' },
]
const histogram = (j: number, size: 'full' | 'small') =>
  histogramSvg({ title: `Prototype ${j}`, x: { label: 's' }, y: { label: 'pictures' }, min: 0.01, max: 0.8, counts, marks, size })

export const specimen = (): Report => ({
  title: 'Specimen: every kind of figure',
  summary: [
    'Raising prototype 3 changes the probability of glasses by 0.31 [0.26, 0.36] and of no other attribute by more than 0.05.',
    'No number on this page was measured: it shows what pages can hold.',
  ],
  sections: [
    {
      heading: 'Pairs',
      text: ['Rows are prototypes, columns attributes. Hatched cells do not exist.'],
      figures: [{ title: 'Effect of raising a prototype on each attribute', svg: pairs, caption: 'Mean over 64 pictures.' }],
    },
    { heading: 'Strip', figures: [{ title: 'When 300 prototypes emerge', svg: strip }] },
    { heading: 'Intervals', figures: [{ title: 'Forest', svg: forest }] },
    { heading: 'Scatter', figures: [{ title: 'Cloud', svg: cloud }] },
    { heading: 'Lines', figures: [{ title: 'When prototypes emerge', svg: curve }] },
    {
      heading: 'Histograms',
      figures: [
        { title: 'Prototype 0', svg: histogram(0, 'full') },
        ...range(5).map(j => ({ title: `Prototype ${j + 1}`, svg: histogram(j + 1, 'small') })),
        {
          title: 'Nothing',
          svg: histogramSvg({ title: 'Nothing', x: { label: '' }, y: { label: '' }, min: 0, max: 1, counts: [] }),
        },
      ],
    },
    {
      heading: 'Pictures',
      figures: [
        {
          title: 'Small pictures',
          caption: 'Each pixel as a square.',
          images: blobs(12, 16),
          columns: 6,
          rowLabels: ['original', 'prototype 3 glasses & <frames> raised to its maximum'],
          columnLabels: range(6).map(i => `picture ${i}`),
        },
        { title: 'One row', images: blobs(5, 64), scale: 2 },
      ],
    },
    {
      heading: 'Tables',
      tables: [
        {
          title: 'Effects',
          columns: ['attribute', 'pictures', 'before', 'after', 'change', 'p'],
          rows: attributes.map((name, i) => [
            name,
            64 + i * 1000,
            0.2 + i / 20,
            i === 4 ? null : 0.4 + i / 30,
            i === 4 ? null : 0.2 - i / 15,
            10 ** (-i - 1),
          ]),
        },
        {
          title: 'A wide table',
          columns: range(24).map(i => `column ${i}`),
          rows: range(3).map(r => range(24).map(c => (r + 1) * c * 1.234)),
        },
      ],
    },
  ],
  facts: [
    ['command', 'patronus specimen checkpoints/avatars64.safetensors --seed 1'],
    ['checkpoint', 'avatars64, 4f1c0c0f7f3f4c55b2bb0e29bbd8a5a9c1d0ad93d8c3b7f9d5a3d2a1b0c9d8e7'],
    ['device', 'cpu: no adapter was found'],
  ],
})
