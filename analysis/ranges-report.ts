/** What a checkpoint has measured of its prototypes, as a report: which values of s are plausible for each. */
import type { CheckpointInfo, PrototypeRange } from '../engine/patronus.ts'
import { digits } from './digits.ts'
import { histogramSvg } from './figures/histogram.ts'
import { matrixSvg } from './figures/matrix.ts'
import { prototypeLabel } from './ranges.ts'
import type { Figure, Report, Table } from './report.ts'

/** Bins of s that all prototypes share in the overview. */
const sharedBins = 48
/** More rows than this are no picture any more, and more histograms no page. */
const [mostRows, mostHistograms] = [1000, 128]

export function rangesReport(info: CheckpointInfo, facts: Report['facts'] = []): Report {
  const ranges = measured(info)
  const tops = ranges.map(({ max }) => max)
  const top = Math.max(...tops)
  const far = tops.filter(max => max < top / 2).length
  const overview = overviewOf(info, ranges)
  return {
    title: `Ranges of s: ${info.name}`,
    summary: [
      `Over ${info.rangesOver ?? 'an unknown number of'} pictures s reached ${digits(Math.min(...tops))} to ${digits(top)}, depending on the prototype. The paper's single number max(s_X) is the largest of them: ${digits(top)}, of prototype ${prototypeLabel(tops.indexOf(top), info)}.`,
      `${far} of ${ranges.length} prototypes never reached half of it: raised to max(s_X), they are far outside what was measured.`,
    ],
    sections: [
      ...(overview ? [{ heading: 'All prototypes', figures: [overview] }] : []),
      { heading: 'One by one', text: histogramText(ranges), figures: histograms(info, ranges) },
      { heading: 'The numbers', tables: [rangesTable(info)] },
    ],
    facts: [
      ['checkpoint', info.name],
      ['data set', info.dataset],
      ['pictures', String(info.rangesOver ?? 'unknown')],
      ...(info.provenance.rangesFrom === undefined ? [] : [['measured on', String(info.provenance.rangesFrom)] as const]),
      ...facts,
    ],
  }
}

/** One row a prototype, quantiles and all. */
export function rangesTable(info: CheckpointInfo): Table {
  const shares = ['q01', 'q05', 'q15', 'q50', 'q85', 'q95', 'q99'] as const
  return {
    title: 'Ranges of s',
    columns: ['prototype', 'name', 'min', ...shares.map(share => `${Number(share.slice(1))} %`), 'max', 'mean', 'deviation'],
    rows: measured(info).map(({ min, max, mean, std, quantiles }, j) => [
      j,
      info.names?.[String(j)] ?? null,
      min,
      ...shares.map(share => quantiles[share]),
      max,
      mean,
      std,
    ]),
  }
}

function measured({ ranges, name }: CheckpointInfo): readonly PrototypeRange[] {
  if (!ranges?.length)
    throw new Error(
      `"${name}" has no measured ranges of s; measure them with \`patronus ranges <checkpoint> --data <config> -o <file>\``,
    )
  return ranges
}

const histogramText = (ranges: readonly PrototypeRange[]): string[] => [
  ...(ranges.every(({ histogram }) => histogram)
    ? []
    : ['This file holds no histograms; `patronus ranges --write` measures them.']),
  ...(ranges.length > mostHistograms ? [`The first ${mostHistograms} of ${ranges.length}.`] : []),
]

function histograms(info: CheckpointInfo, ranges: readonly PrototypeRange[]): Figure[] {
  return ranges.slice(0, mostHistograms).flatMap(({ histogram, min, max, quantiles: { q05, q50, q95 } }, j) => {
    const title = `Prototype ${prototypeLabel(j, info)}`
    const marks = [
      { x: q05, label: '5 %' },
      { x: q50, label: '50 %' },
      { x: q95, label: '95 %' },
    ]
    const [x, y] = [{ label: 's' }, { label: 'pictures' }]
    return histogram ? [{ title, svg: histogramSvg({ title, x, y, min, max, counts: histogram, marks, size: 'small' }) }] : []
  })
}

/** All histograms over one axis, each relative to its own peak. */
function overviewOf(info: CheckpointInfo, ranges: readonly PrototypeRange[]): Figure | undefined {
  const low = Math.min(...ranges.map(({ min }) => min))
  const width = (Math.max(...ranges.map(({ max }) => max)) - low) / sharedBins
  if (ranges.length > mostRows || !(width > 0) || !ranges.every(({ histogram }) => histogram)) return undefined
  const title = 'Where s lies, prototype by prototype'
  const svg = matrixSvg({
    title,
    rows: ranges.map((_, j) => prototypeLabel(j, info)),
    columns: Array.from({ length: sharedBins }, (_, i) => (low + (i + 0.5) * width).toFixed(2)),
    rowLabel: 'prototype',
    columnLabel: 's',
    values: ranges.map(range => withinOwn(range, relative(spread(range, low, width)), low, width)),
    label: 'pictures, as share of the fullest bin',
    colors: 'sequential',
    numbers: false,
  })
  return {
    title,
    svg,
    caption: 'Bright where most pictures of a prototype lie; hatched where s of that prototype never was.',
  }
}

/** A histogram over the shared bins; a bin that lies in several of them is divided by how much of it lies in each. */
export function spread({ histogram = [], min, max }: PrototypeRange, low: number, width: number): number[] {
  const shared = Array<number>(sharedBins).fill(0)
  const step = (max - min) / histogram.length
  const binOf = (value: number) => Math.min(sharedBins - 1, Math.max(0, Math.floor((value - low) / width)))
  histogram.forEach((count, i) => {
    const [from, upTo] = [min + i * step, min + (i + 1) * step]
    // Narrower than float32 can say of its place: one bin holds all of it.
    if (!(step > width * 1e-6)) return void (shared[binOf(min)] += count)
    for (let bin = binOf(from); bin <= binOf(upTo); bin++) {
      const overlap = Math.min(upTo, low + (bin + 1) * width) - Math.max(from, low + bin * width)
      shared[bin] += (count * Math.max(0, overlap)) / step
    }
  })
  return shared
}

/** Bins that lie wholly outside the prototype's own range have no value. */
const withinOwn = ({ min, max }: PrototypeRange, shares: readonly number[], low: number, width: number): (number | null)[] =>
  shares.map((share, bin) => (low + bin * width > max || low + (bin + 1) * width < min ? null : share))

const relative = (counts: readonly number[]): number[] => {
  const most = Math.max(...counts)
  return counts.map(count => (most > 0 ? count / most : 0))
}
