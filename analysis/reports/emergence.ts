/** The report of `patronus emergence`: when prototypes appear, whether fine ones come late, and what partial edits keep. */
import type { CheckpointInfo } from '../../engine/patronus.ts'
import type { EditComparison } from '../compare-edits.ts'
import { fixed } from '../digits.ts'
import { emergencePlot, emergenceTable, threeDigits } from '../emergence-figures.ts'
import { frequencyRelation, type Correlation, type FrequencyRelation } from '../emergence-frequency.ts'
import { emergenceStrip } from '../emergence-strip.ts'
import { matrixSvg } from '../figures/matrix.ts'
import { scatterSvg, type Scatter } from '../figures/scatter.ts'
import type { Emergence, PrototypeEmergence } from '../emergence.ts'
import type { Interval } from '../metrics/bootstrap.ts'
import { meanOf } from '../metrics/statistics.ts'
import { plotSvg } from '../figures/line-plot.ts'
import { prototypeLabel } from '../ranges.ts'
import type { Report, Section, Table } from '../report.ts'

/** More curves in one plot say nothing; the strip and the table have them all. */
const most = 7

export type PrototypeComparison = { readonly prototype: number; readonly comparison: EditComparison }

export function emergenceReport(found: Emergence, { info, facts, edits = [], seed = 1 }: EmergenceReportOptions): Report {
  const relation = frequencyRelation(found.prototypes, seed)
  const rising = found.prototypes.filter(({ rises }) => rises)
  return {
    title: `When prototypes emerge in ${info.name}`,
    summary: [
      `${rising.length} of ${found.prototypes.length} prototypes rise when raised, over ${found.pictures} picture${found.pictures === 1 ? '' : 's'}.`,
      relationSentence(relation),
      ...(edits.length > 0 ? [editsSentence(edits)] : []),
    ],
    sections: [
      whenSection(found, rising, info),
      relationSection(relation, info),
      ...(rising.some(({ depth }) => depth !== null) ? [depthSection(rising, info)] : []),
      ...(edits.length > 0 ? [editsSection(edits, info)] : []),
    ],
    facts,
  }
}

export type EmergenceReportOptions = {
  readonly info: CheckpointInfo
  readonly facts: Report['facts']
  readonly edits?: readonly PrototypeComparison[]
  /** Decides the bootstrap over prototypes. */
  readonly seed?: number
}

function whenSection(found: Emergence, rising: readonly PrototypeEmergence[], info: CheckpointInfo): Section {
  // Curves of all would hide each other; those that rise most stand clear of their bands.
  const strongest = [...rising].sort((a, b) => (b.rise.mean ?? 0) - (a.rise.mean ?? 0)).slice(0, most)
  const shown = { ...found, prototypes: strongest }
  return {
    heading: 'When',
    text: [
      'Each prototype is raised, the pictures are formed again from their own noise, and every x̂0 on the way is encoded: the curve is ' +
        'the rise of s over the original picture, the band its standard deviation over the pictures. The control is the same with s ' +
        'as it was: what is fine appears late in any picture, and the control shows how late.',
      'Onset is the first timestep, from noise downward, at which the mean reaches 10, 50, 90 % of its end. A prototype rises when its ' +
        'curve ends above 0 and above the control, with the 95 % interval over the pictures.',
    ],
    figures: [
      ...(rising.length > 0
        ? [
            {
              title: 'Curves',
              svg: plotSvg(emergencePlot(shown, info)),
              ...(rising.length > most && { caption: `The ${most} that rise most over their control.` }),
            },
          ]
        : []),
      { title: 'Prototypes by steps', svg: matrixSvg(emergenceStrip(found, info)) },
    ],
    tables: [emergenceTable(found, info)],
  }
}

const span = (interval: Interval | null, write: (value: number) => string | number | null): string =>
  interval ? ` [${write(interval.low)}, ${write(interval.high)}]` : ''

const twoDigits = (value: number): string => fixed(value, 2)

const correlationText = ({ value, interval }: Correlation): string =>
  value === null ? 'does not exist' : `${twoDigits(value)}${span(interval, twoDigits)}`

const relationSentence = ({ points, pictures, area }: FrequencyRelation): string =>
  pictures.value === null
    ? `Onset and spatial frequency cannot be related over ${points.length} prototype${points.length === 1 ? '' : 's'}.`
    : `Over ${points.length} prototypes the rank correlation of onset timestep (mean over single pictures) with spatial frequency is ${correlationText(pictures)}, ` +
      `with the area that changes ${correlationText(area)} (95 % intervals; negative for frequency means that fine concepts come late).`

function relationSection(relation: FrequencyRelation, info: CheckpointInfo): Section {
  const { points, left } = relation
  const correlations: readonly (readonly [string, Correlation])[] = [
    ['50 % onset and frequency, Spearman', relation.spearman],
    ['50 % onset and frequency, Pearson', relation.pearson],
    ['mean 50 % onset of single pictures and frequency, Spearman', relation.pictures],
    ['50 % onset over control and frequency, Spearman', relation.effect],
    ['50 % onset and area, Spearman', relation.area],
  ]
  return {
    heading: 'Onset and spatial frequency',
    text: [
      'Frequency is the centroid of the power spectrum of what raising the prototype changes in the finished pictures (against the ' +
        'control), radial, in cycles per picture, powers added over pictures and channels. Area is the share of pixels that hold 90 % ' +
        'of the squared change. Intervals resample prototypes.',
      ...(left.length > 0 ? [`Left out, because they do not rise: ${left.map(j => prototypeLabel(j, info)).join(', ')}.`] : []),
    ],
    figures: [{ title: 'Onset against frequency', svg: scatterSvg(scatterOf(relation, info)) }],
    tables: [
      {
        title: 'Correlation of onset with fineness',
        columns: ['of', 'value', 'from', 'to', 'prototypes'],
        rows: correlations.map(([name, { value, interval }]) => [
          name,
          ...[value, interval?.low, interval?.high].map(threeDigits),
          points.length,
        ]),
      },
      {
        title: 'Onset, frequency and area',
        columns: ['prototype', '50 % at t', '50 % in single pictures', '50 % over control at t', 'cycles per picture', 'area %'],
        rows: points.map(({ prototype, onset, pictureOnset, effectOnset, frequency, area }) => [
          prototypeLabel(prototype, info),
          onset,
          Math.round(pictureOnset),
          effectOnset,
          threeDigits(frequency),
          threeDigits(100 * area),
        ]),
      },
    ],
  }
}

const scatterOf = ({ points, pictures }: FrequencyRelation, info: CheckpointInfo): Scatter => ({
  title: 'Do fine concepts come late?',
  x: { label: 'frequency of the change, cycles per picture' },
  y: { label: '50 % onset, mean over single pictures, timestep t' },
  points: points.map(({ prototype, frequency, pictureOnset }) => ({
    x: frequency,
    y: pictureOnset,
    label: prototypeLabel(prototype, info),
  })),
  note: `rank correlation ${correlationText(pictures)}, ${points.length} prototypes`,
})

function depthSection(rising: readonly PrototypeEmergence[], info: CheckpointInfo): Section {
  const measured = rising.flatMap(({ prototype, strength, depth }) =>
    strength?.strength.length ? [{ prototype, strength, depth }] : [],
  )
  const levels = measured[0].strength.t
  const shown = measured.slice(0, most)
  return {
    heading: 'How far back an edit must go',
    text: [
      'Pictures are led to a level under their own s and back under the edited one. The smallest level that keeps three quarters of ' +
        "the full edit's rise is advised.",
    ],
    figures: [
      {
        title: 'Strength by depth',
        svg: plotSvg({
          title: 'What is left of an edit that starts at t',
          x: { label: 'timestep t that the picture is led back to', values: levels },
          y: { label: "share of the full edit's rise" },
          series: shown.map(({ prototype, strength }) => ({ name: prototypeLabel(prototype, info), y: strength.strength })),
        }),
      },
    ],
    tables: [
      {
        title: "Share of the full edit's rise by the level it starts at",
        columns: ['prototype', ...levels.map(t => `t = ${t}`), 'edit depth t'],
        rows: measured.map(({ prototype, strength, depth }) => [
          prototypeLabel(prototype, info),
          ...strength.strength.map(threeDigits),
          depth,
        ]),
      },
    ],
  }
}

function editsSentence(edits: readonly PrototypeComparison[]): string {
  const judged = edits.flatMap(({ comparison: { preserved, partial, full } }) =>
    preserved ? [{ preserved, partial, full }] : [],
  )
  const surely = judged.filter(({ preserved }) => (preserved.interval?.low ?? preserved.share) > 0).length
  // A clock may be too coarse for a full edit of a small picture: then nothing is said of time.
  const saved = meanOf(judged.map(({ partial, full }) => (full.seconds > 0 ? 1 - partial.seconds / full.seconds : null)))
  return (
    `At one change of the target the partial edit keeps more of the picture outside the patch than the full edit for ${surely} of ` +
    `${judged.length} prototypes${saved === null ? '' : `, in ${Math.round(100 * saved)} % less time on average`}.`
  )
}

function editsSection(edits: readonly PrototypeComparison[], info: CheckpointInfo): Section {
  return {
    heading: 'Partial against full edit',
    text: [
      'Errors are mean squares of pictures 0 to 1 against the originals, outside what the most activated cell of the prototype sees in ' +
        'the fully edited picture. For the comparison the stronger edit was turned down until both raise the target by the same.',
    ],
    tables: [editsTable(edits, info)],
  }
}

function editsTable(edits: readonly PrototypeComparison[], info: CheckpointInfo): Table {
  return {
    title: 'Partial and full edit at one change of the target',
    columns: [
      'prototype',
      'depth t',
      'rise, partial',
      'rise, full',
      'rise, partial, equal',
      'rise, full, equal',
      'MSE outside, partial',
      'MSE outside, full',
      'less %',
      'from',
      'to',
      'MSE of all, partial',
      'MSE of all, full',
      'steps, partial',
      'steps, full',
      'seconds, partial',
      'seconds, full',
    ],
    rows: edits.map(({ prototype, comparison: { t, partial, full, equal, preserved } }) => [
      prototypeLabel(prototype, info),
      t,
      ...[partial.change, full.change, equal?.partial.change, equal?.full.change].map(threeDigits),
      ...[equal?.partial, equal?.full].map(outcome => threeDigits(meanOf(outcome?.outside ?? []))),
      ...[preserved?.share, preserved?.interval?.low, preserved?.interval?.high].map(share =>
        threeDigits(share === undefined ? null : 100 * share),
      ),
      ...[equal?.partial, equal?.full].map(outcome => threeDigits(meanOf(outcome?.whole ?? []))),
      partial.steps,
      full.steps,
      ...[partial.seconds, full.seconds].map(threeDigits),
    ]),
  }
}
