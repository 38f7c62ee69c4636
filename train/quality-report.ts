import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Agreement } from '../analysis/agreement.ts'
import type { ProbeAccuracy } from '../analysis/metrics/probe.ts'
import { meanOf } from '../analysis/metrics/statistics.ts'
import type { SetDistance } from '../analysis/set-distance.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { failures, passMark, type LatentQuality, type Spread } from '../analysis/quality.ts'
import type { Distances } from './quality-distance.ts'
import {
  classWords,
  dciWords,
  distanceWords,
  featureWords,
  latentWords,
  readingWords,
  reconstructionWords,
  sheetWords,
  spreadWords,
} from './quality-words.ts'

/** What was measured about one checkpoint; every number of the page below comes from here. JSON-able. */
export type QualityReport = {
  readonly checkpoint: { readonly name: string; readonly id: string; readonly dataset: string; readonly prototypes: number }
  readonly settings: { readonly steps: number; readonly seed: number; readonly device: string; readonly seconds: number }
  /** Mean squared error of inversion and sampling with the same s, over pictures not clipped, pixels in -1 … 1. */
  readonly reconstruction: { readonly images: number; readonly mean: number; readonly median: number; readonly worst: number }
  readonly spread: Spread
  readonly controlSpread: Spread
  /** Fréchet and kernel distance of drawn pictures from real ones in stated features; absent when there are too few test pictures. */
  readonly fd?: Distances
  /** The same in the features of the Inception-v3 that the user brought: only this may be called FID. */
  readonly fid?: Distances
  readonly attributes?: AttributeQuality
  readonly classes?: ClassQuality
}

export type AttributeQuality = {
  readonly names: readonly string[]
  readonly trained: LatentQuality
  /** The same without training: first weights of the encoder, far-apart prototypes from real patches. */
  readonly control: LatentQuality
  /** What the held-out classifier reads; absent for a data set that there is no classifier for. */
  readonly reading?: {
    readonly images: number
    readonly originals: Agreement
    readonly reconstructions: Agreement
    readonly samples: Agreement
  }
}

export type ClassQuality = Probed & {
  readonly names: readonly string[]
  /** The same over training pictures: the authors' protocol (spec section 7.2), and their table's numbers. */
  readonly training: Probed
}

/** A probe fitted and judged in five folds of so many pictures. */
export type Probed = { readonly images: number; readonly trained: ProbeAccuracy; readonly control: ProbeAccuracy }

const digits = (value: number | null | undefined, places = 3): string =>
  value === null || value === undefined ? '–' : value.toFixed(places)
const table = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i ? '---:' : '---')), ...body].map(row => `| ${row.join(' | ')} |`).join('\n')

function activationsSection({ spread, controlSpread, checkpoint }: QualityReport): string {
  const keys = ['min', 'q01', 'q05', 'q50', 'q95', 'q99', 'max'] as const
  const row = (name: string, { quantiles, unused }: Spread) => [
    name,
    ...keys.map(key => digits(quantiles[key])),
    `${unused.length}`,
  ]
  return `## How s is distributed

${spreadWords(checkpoint.prototypes)}

${table(['', 'min', '1 %', '5 %', 'median', '95 %', '99 %', 'max', 'unused'], [row('trained', spread), row('control', controlSpread)])}`
}

function reconstructionSection({ reconstruction, settings }: QualityReport): string {
  const { images, mean, median, worst } = reconstruction
  const row = (name: string, factor: number) => [name, ...[mean, median, worst].map(value => digits(value * factor, 5))]
  return `## Reconstruction

${reconstructionWords(images, settings)}

${table(['pixels in', 'mean', 'median', 'worst'], [row('-1 … 1', 1), row('0 … 1', 1 / 4)])}`
}

function distanceSection({ fd, fid, settings }: QualityReport): string {
  if (!fd) return ''
  const cells = ({ fd, kid }: SetDistance) => [
    digits(fd),
    `${digits(kid.mean, 5)}${kid.std === null ? '' : ` ± ${digits(kid.std, 5)}`}`,
  ]
  const block = (name: string, distances: Distances) =>
    `${featureWords(name, distances)}

${table(
  ['', name, 'KID'],
  [
    ['drawn against real', ...cells(distances.samples)],
    ['real against real', ...cells(distances.real)],
  ],
)}`
  return `## How far drawn pictures are from real ones

${distanceWords(fd, settings, !!fid)}

${block('FD', fd)}${fid ? `\n\n${block('FID', fid)}` : ''}`
}

/** What people call prototypes, by number. */
type Names = CheckpointInfo['names']

function latentSection({ names, trained, control }: AttributeQuality, prototypeNames: Names): string {
  const rows = names.map((name, a) => [
    name,
    digits(trained.auroc.attributes[a]),
    digits(control.auroc.attributes[a]),
    best(trained, a, prototypeNames),
    best(control, a),
  ])
  const mean = [
    '**mean**',
    `**${digits(trained.auroc.mean)}**`,
    `**${digits(control.auroc.mean)}**`,
    meanBest(trained),
    meanBest(control),
  ]
  const tad = ({ tad }: LatentQuality) => `${digits(tad.tad)} ± ${digits(tad.tadStd)}`
  const captured = ({ tad }: LatentQuality) => `${digits(tad.captured, 1)} ± ${digits(tad.capturedStd, 1)}`
  return `## What s says about attributes

${latentWords(trained.images)}

${table(['attribute', 'latent AUROC', 'control', 'best prototype', 'control'], [...rows, mean])}

${table(
  ['', 'trained', 'control'],
  [
    ['latent AUROC, half train and half test', digits(trained.halves), digits(control.halves)],
    ['TAD', tad(trained), tad(control)],
    [`attributes captured, of ${names.length}`, captured(trained), captured(control)],
    ['DCI disentanglement', digits(trained.dci.disentanglement), digits(control.dci.disentanglement)],
    ['DCI completeness', digits(trained.dci.completeness), digits(control.dci.completeness)],
    ['DCI informativeness (pictures read right)', digits(trained.dci.test), digits(control.dci.test)],
  ],
)}

${dciWords(digits(trained.dci.majority))}`
}

/** Without names for the control: its prototype 12 is not the one that was named. */
function best({ best }: LatentQuality, attribute: number, names?: Names): string {
  const found = best[attribute]
  return found ? `${digits(found.auroc)} (${escapeMarkdown(prototypeLabel(found.prototype, { names }))})` : '–'
}

/** A name is anybody's text: it must neither end a cell nor become markup. */
const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_[\]|~]/g, '\\$&').replace(/[&<>]/g, sign => `&#${sign.codePointAt(0)};`)

function meanBest({ best }: LatentQuality): string {
  const known = best.filter(found => found !== null)
  return known.length ? digits(known.reduce((sum, { auroc }) => sum + auroc, 0) / known.length) : '–'
}

function readingSection(quality: AttributeQuality, settings: QualityReport['settings']): string {
  if (!quality.reading) return ''
  const { images, originals, reconstructions, samples } = quality.reading
  const rows = samples.attributes.map((sample, a) => [
    sample.name,
    digits(sample.agreement),
    digits(sample.balanced),
    digits(sample.majority),
    digits(reconstructions.attributes[a].agreement),
    digits(originals.attributes[a].agreement),
  ])
  const failed = failures(samples, quality.trained, quality.control)
  return `## What pictures drawn from s show

${readingWords(images, settings)}

${table(
  ['attribute', 'samples', 'balanced', 'majority', 'reconstructions', 'originals'],
  [
    ...rows,
    [
      '**mean**',
      `**${digits(samples.mean)}**`,
      '',
      digits(samples.majorityMean),
      digits(reconstructions.mean),
      digits(originals.mean),
    ],
  ],
)}

${failed.length ? `Below ${passMark}:\n\n${failed.map(line => `- ${line}`).join('\n')}` : `No attribute is below ${passMark}.`}`
}

function classSection({ names, images, trained, control, training }: ClassQuality): string {
  const row = (label: string, images: number, { accuracy, std, oneVsRest }: ProbeAccuracy) => [
    label,
    `${images}`,
    `**${digits(accuracy)}** ± ${digits(std)}`,
    digits(meanOf(oneVsRest)),
  ]
  return `## What s says about classes

${classWords}

${table(
  ['', 'pictures', 'probe accuracy', 'one-vs-rest AUROC'],
  [
    row('test', images, trained),
    row('test, control', images, control),
    row('training', training.images, training.trained),
    row('training, control', training.images, training.control),
  ],
)}

Over test pictures:

${table(
  ['class', 'one-vs-rest AUROC', 'control'],
  names.map((name, k) => [name, digits(trained.oneVsRest[k]), digits(control.oneVsRest[k])]),
)}`
}

export type PageOptions = {
  /** How it was made. */
  readonly command: string
  /** The picture beside it, and whether the data set's own pictures are in it. */
  readonly sheet: string
  readonly sources: boolean
  readonly names?: Names
}

/** The report as a page. */
export function markdown(report: QualityReport, { command, sheet, sources, names }: PageOptions): string {
  const { checkpoint, settings, attributes, classes } = report
  return `${[
    `# ${checkpoint.name}: measured quality`,
    `Data set ${checkpoint.dataset}, ${checkpoint.prototypes} prototypes. Checkpoint \`${checkpoint.id.slice(0, 16)}\`. Seed ${settings.seed}, device ${settings.device}, ${Math.round(settings.seconds)} s. Made by \`${command}\`; all numbers are in the .json beside this page.`,
    attributes && readingSection(attributes, settings),
    distanceSection(report),
    attributes && latentSection(attributes, names),
    classes && classSection(classes),
    reconstructionSection(report),
    activationsSection(report),
    `## Samples\n\n${sheetWords(sources)}\n\n![samples](${sheet})`,
  ]
    .filter(Boolean)
    .join('\n\n')}\n`
}
