import { histogramSvg } from '../analysis/figures/histogram.ts'
import { fromModel } from '../analysis/pixels.ts'
import { histogramOf } from '../analysis/prototype-ranges.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import type { Figure, Report, Section, Table } from '../analysis/report.ts'
import type { Spread } from '../analysis/quality.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { concat, type Tensor } from '../model/tensor.ts'
import { attributeSection, classSection, readingSection } from './quality-labels.ts'
import { qualitySummary } from './quality-summary.ts'
import type { Distances } from './quality-distance.ts'
import type { QualityReport } from './quality-report.ts'
import { distanceWords, featureWords, reconstructionWords, sheetWords, spreadWords } from './quality-words.ts'

/** A row of the sheet: pictures [K,H,W,C] -1 … 1, one a column. */
export type SheetRow = { readonly name: string; readonly images: Tensor }

/** What was measured, and what a page shows beside it that the JSON does not keep. */
export type Measured = {
  readonly report: QualityReport
  /** The pictures that it was judged on. */
  readonly dataSet: string
  readonly names?: CheckpointInfo['names']
  readonly sheet: readonly SheetRow[]
  /** Whether the data set's own pictures are in the sheet. */
  readonly sources: boolean
  /** Mean squared error of each reconstruction, ascending. */
  readonly errors: ArrayLike<number>
}

/** The measurements as a page of figures and tables that can be saved. */
export function qualityPage(measured: Measured, facts: Report['facts']): Report {
  const { report, names } = measured
  const { attributes, classes, settings, checkpoint } = report
  return {
    title: `Measured quality of ${checkpoint.name}`,
    summary: qualitySummary(report),
    sections: [
      sheetSection(measured),
      ...(attributes?.reading ? [readingSection(attributes, attributes.reading, settings)] : []),
      ...distanceSection(report),
      ...(attributes ? [attributeSection(attributes, names)] : []),
      ...(classes ? [classSection(classes)] : []),
      reconstructionSection(measured),
      spreadSection(report, names),
    ],
    facts: [...facts, ['steps', `${settings.steps}`], ['seconds', `${Math.round(settings.seconds)}`]],
  }
}

/** Words are written for Markdown, too; a page has no code marks. */
const plain = (words: string): string => words.replaceAll('`', '')

function sheetSection({ sheet, sources }: Measured): Section {
  return {
    heading: 'Samples',
    text: [plain(sheetWords(sources))],
    figures: [
      {
        title: 'Pictures drawn from s',
        images: fromModel(concat(sheet.map(({ images }) => images))),
        columns: sheet[0].images.shape[0],
        rowLabels: sheet.map(({ name }) => name),
      },
    ],
  }
}

function distanceSection({ fd, fid, settings }: QualityReport): Section[] {
  if (!fd) return []
  return [
    {
      heading: 'How far drawn pictures are from real ones',
      text: [
        plain(distanceWords(fd, settings, fid !== undefined)),
        featureWords('FD', fd),
        ...(fid ? [featureWords('FID', fid)] : []),
      ],
      tables: [distanceTable('FD', fd), ...(fid ? [distanceTable('FID', fid)] : [])],
    },
  ]
}

function distanceTable(name: string, { samples, real }: Distances): Table {
  const row = (compared: string, { fd, kid }: Distances['samples']) => [compared, fd, kid.mean, kid.std]
  return {
    title: `${name} and KID`,
    columns: ['compared', name, 'KID', 'deviation of KID'],
    rows: [row('drawn against real', samples), row('real against real', real)],
  }
}

function reconstructionSection({ report: { reconstruction, settings }, errors }: Measured): Section {
  const { images, mean, median, worst } = reconstruction
  const row = (pixels: string, factor: number) => [pixels, ...[mean, median, worst].map(value => value * factor)]
  return {
    heading: 'Reconstruction',
    text: [reconstructionWords(images, settings)],
    figures: [
      {
        title: 'Error of each picture',
        svg: histogramSvg({
          title: 'Error of each picture',
          x: { label: 'mean squared error, pixels −1 … 1' },
          y: { label: 'pictures' },
          min: errors[0],
          max: errors[errors.length - 1],
          counts: histogramOf(errors, binsFor(errors.length)),
          marks: [
            { x: median, label: 'median' },
            { x: mean, label: 'mean' },
          ],
        }),
      },
    ],
    tables: [
      {
        title: 'Reconstruction error',
        columns: ['pixels in', 'mean', 'median', 'worst'],
        rows: [row('−1 … 1', 1), row('0 … 1', 1 / 4)],
      },
    ],
  }
}

function spreadSection({ spread, controlSpread, checkpoint }: QualityReport, names: Measured['names']): Section {
  const keys = ['min', 'q01', 'q05', 'q50', 'q95', 'q99', 'max'] as const
  const row = (name: string, { quantiles, unused }: Spread) => [name, ...keys.map(key => quantiles[key]), unused.length]
  const { unused } = spread
  return {
    heading: 'How s is distributed',
    text: [
      spreadWords(checkpoint.prototypes),
      ...(unused.length ? [`Unused: ${unused.map(j => prototypeLabel(j, { names })).join(', ')}.`] : []),
    ],
    figures: [highest('Highest s, trained', spread), highest('Highest s, control', controlSpread)],
    tables: [
      {
        title: 'Spread of s',
        columns: ['encoder', 'min', '1 %', '5 %', 'median', '95 %', '99 %', 'max', 'unused'],
        rows: [row('trained', spread), row('control', controlSpread)],
      },
    ],
  }
}

/** Few values in many bins are a comb. */
const binsFor = (values: number): number => Math.min(32, Math.ceil(2 * Math.sqrt(values)))

/** How far up each prototype goes in some picture. */
function highest(title: string, { maxima }: Spread): Figure {
  const ascending = [...maxima].sort((a, b) => a - b)
  const [min, max] = [ascending[0], ascending[ascending.length - 1]]
  const [x, y] = [{ label: 'its highest s in any picture' }, { label: 'prototypes' }]
  return {
    title,
    svg: histogramSvg({ title, x, y, min, max, counts: histogramOf(ascending, binsFor(ascending.length)), size: 'small' }),
  }
}
