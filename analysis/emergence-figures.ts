/** What is shown of a trace of emergence: curves and a table, for the node and for the report. */
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Emergence } from './emergence.ts'
import type { LinePlot } from './figures/line-plot.ts'
import { prototypeLabel } from './ranges.ts'
import type { Table } from './report.ts'

/** Δ of every prototype with its band, the control dashed, and a mark where an edit should start. */
export function emergencePlot({ t, prototypes }: Emergence, info: CheckpointInfo): LinePlot {
  return {
    title: 'When prototypes emerge',
    x: { label: 'timestep t (noise to picture)', values: t, reverse: true },
    y: { label: 'rise of s over the original picture' },
    series: prototypes.flatMap(({ prototype, raised, control }) => {
      const name = `prototype ${prototypeLabel(prototype, info)}`
      return [
        { name, y: raised.mean, band: raised.std },
        { name: `${name} (control)`, y: control.mean, band: control.std, dashed: true },
      ]
    }),
    marks: prototypes.flatMap(({ depth, prototype }) =>
      depth === null ? [] : [{ x: depth, label: `${prototype}: t = ${depth}` }],
    ),
  }
}

const columns = [
  'prototype',
  'raised to',
  'final rise',
  'control',
  'rise over control',
  'from',
  'to',
  '10 % at t',
  '50 % at t',
  '90 % at t',
  '50 % in single pictures',
  'from ',
  'to ',
  '50 % over control at t',
  'cycles per picture',
  'area %',
  'edit depth t',
]

/** One row a prototype; intervals are 95 %, over pictures. */
export const emergenceTable = ({ prototypes, pictures }: Emergence, info: CheckpointInfo): Table => ({
  title: `Onset while denoising, over ${pictures} picture${pictures === 1 ? '' : 's'}`,
  columns,
  rows: prototypes.map(({ prototype, value, raised, control, rise, onset, effectOnset, pictureOnset, fineness, depth }) => [
    prototypeLabel(prototype, info),
    threeDigits(value),
    threeDigits(raised.mean[raised.mean.length - 1]),
    threeDigits(control.mean[control.mean.length - 1]),
    ...[rise.mean, rise.interval?.low, rise.interval?.high].map(threeDigits),
    onset.t10,
    onset.t50,
    onset.t90,
    ...[pictureOnset.mean, pictureOnset.interval?.low, pictureOnset.interval?.high].map(timestep),
    effectOnset.t50,
    threeDigits(fineness.frequency),
    threeDigits(fineness.area === null ? null : 100 * fineness.area),
    depth,
  ]),
})

/** Three threeDigits: finer than any difference one can see. */
export const threeDigits = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value.toPrecision(3))

const timestep = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Math.round(value)
