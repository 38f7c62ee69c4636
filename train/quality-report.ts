import type { CheckpointInfo } from '../engine/patronus.ts'
import type { Agreement } from '../analysis/agreement.ts'
import type { ProbeAccuracy } from '../analysis/metrics/probe.ts'
import { meanOf } from '../analysis/metrics/statistics.ts'
import type { SetDistance } from '../analysis/set-distance.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { failures, passMark, type LatentQuality, type Spread } from '../analysis/quality.ts'
import type { Distances } from './quality-distance.ts'

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

All ${checkpoint.prototypes} entries of s over the test pictures. A prototype is unused when no picture brings it above .01.

${table(['', 'min', '1 %', '5 %', 'median', '95 %', '99 %', 'max', 'unused'], [row('trained', spread), row('control', controlSpread)])}`
}

function reconstructionSection({ reconstruction, settings }: QualityReport): string {
  const { images, mean, median, worst } = reconstruction
  const row = (name: string, factor: number) => [name, ...[mean, median, worst].map(value => digits(value * factor, 5))]
  return `## Reconstruction

${images} test pictures inverted to noise and sampled back with the same s, ${settings.steps} steps each way; mean squared error a pixel and channel.

${table(['pixels in', 'mean', 'median', 'worst'], [row('-1 … 1', 1), row('0 … 1', 1 / 4)])}`
}

function distanceSection({ fd, fid, settings }: QualityReport): string {
  if (!fd) return ''
  const cells = ({ fd, kid }: SetDistance) => [
    digits(fd),
    `${digits(kid.mean, 5)}${kid.std === null ? '' : ` ± ${digits(kid.std, 5)}`}`,
  ]
  const block = (name: string, { features, width, images, samples, real }: Distances) =>
    `${name}, features: ${features}; ${width} numbers a picture.${
      images < width ? ` There are fewer pictures (${images}) than features, which makes ${name} much too large.` : ''
    }

${table(
  ['', name, 'KID'],
  [
    ['drawn against real', ...cells(samples)],
    ['real against real', ...cells(real)],
  ],
)}`
  const { kid } = fd.samples
  return `## How far drawn pictures are from real ones

${fd.images} pictures drawn from s of as many test pictures (DDIM, ${settings.steps} steps), as a whole against ${fd.images} other test pictures. The bar is what the test pictures that were drawn from have themselves against the same others. The Fréchet distance grows when pictures are few: compare it only within a table. KID, the kernel distance, does not; mean and deviation over ${kid.subsets} subsets of ${kid.size}.${fid ? '' : ' FD is not FID, which needs Inception-v3 (`--inception`).'}

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

Latent AUROC: linear probe on all of s, five folds of ${trained.images} test pictures. Best prototype: AUROC of the one entry of s that tells most, over all pictures. The control is the same encoder without training, with as many prototypes taken from real patches far from each other, and the same probe. A dash: the attribute does not vary in this set, so there is nothing to tell.

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

DCI: gradient boosting on s, fitted on the first half of the pictures and judged on the second, where always giving the more frequent answer is right in ${digits(trained.dci.majority)}. Disentanglement: each prototype tells one attribute only; completeness: each attribute is told by one prototype only.`
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

${images} test faces, each drawn anew from its s and fresh noise (DDIM, ${settings.steps} steps). A classifier trained on other clean and degraded faces, never on drawn ones, reads them; agreement is the share of pictures in which it reads what the source face has. Balanced: mean over those with and without. Majority: what always giving the more frequent answer would reach.

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

Multinomial linear probe on s, fitted and judged in five folds: accuracy (what the paper's table calls latent AUROC for this kind of set), and the mean one-vs-rest AUROC. The paper judges on training pictures, which the encoder has seen (without their classes); compare its number with that row.

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
    `## Samples\n\nColumns: test pictures. ${
      sources
        ? 'Rows: the picture; two drawings from its s and fresh noise; its reconstruction.'
        : 'Rows: two drawings from its s and fresh noise. The pictures themselves are not ours to show; without `--no-sources` the command puts them and their reconstructions beside the drawings.'
    }\n\n![samples](${sheet})`,
  ]
    .filter(Boolean)
    .join('\n\n')}\n`
}
