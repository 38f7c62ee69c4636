import { digits } from '../analysis/digits.ts'
import { intervalsSvg } from '../analysis/figures/intervals.ts'
import { meanOf, shareInterval } from '../analysis/metrics/statistics.ts'
import type { ProbeAccuracy } from '../analysis/metrics/probe.ts'
import type { AttributeAgreement } from '../analysis/agreement.ts'
import { failures, passMark, type LatentQuality } from '../analysis/quality.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import type { Figure, Section, Table } from '../analysis/report.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { AttributeQuality, ClassQuality, Probed, QualityReport } from './quality-report.ts'
import { classWords, dciWords, latentWords, readingWords } from './quality-words.ts'

/** The sections about what s knows: attributes in drawn pictures, attributes in s, classes in s. */

type Reading = NonNullable<AttributeQuality['reading']>

const shown = (value: number | null): string => (value === null ? '–' : digits(value))

export function readingSection(
  { trained, control }: AttributeQuality,
  { images, samples, reconstructions, originals }: Reading,
  settings: QualityReport['settings'],
): Section {
  const failed = failures(samples, trained, control)
  return {
    heading: 'What pictures drawn from s show',
    text: [
      readingWords(images, settings),
      `Mean agreement over attributes: ${shown(samples.mean)} in samples, ${shown(reconstructions.mean)} in reconstructions, ${shown(originals.mean)} in the originals; majority ${shown(samples.majorityMean)}.`,
      ...(failed.length ? [`Below ${passMark}:`, ...failed] : [`No attribute is below ${passMark}.`]),
    ],
    figures: [agreementFigure(samples.attributes)],
    tables: [
      {
        title: 'Agreement',
        columns: ['attribute', 'samples', 'low', 'high', 'balanced', 'majority', 'reconstructions', 'originals'],
        rows: samples.attributes.map((attribute, a) => [
          attribute.name,
          attribute.agreement,
          ...ends(attribute),
          attribute.balanced,
          attribute.majority,
          reconstructions.attributes[a].agreement,
          originals.attributes[a].agreement,
        ]),
      },
    ],
  }
}

/** 95 % interval of the agreement; none where there is no agreement. */
function ends({ agreement, confusion }: AttributeAgreement): [low: number | null, high: number | null] {
  if (agreement === null) return [null, null]
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion
  const right = truePositive + trueNegative
  const { low, high } = shareInterval(right, right + falseNegative + falsePositive)
  return [low, high]
}

function agreementFigure(attributes: readonly AttributeAgreement[]): Figure {
  const title = 'What is read in pictures drawn from s'
  return {
    title,
    caption: 'Share of pictures in which what the source face has is read, with its 95 % interval (Wilson).',
    svg: intervalsSvg({
      title,
      x: { label: 'share of pictures read right' },
      reference: null,
      rows: attributes.flatMap(attribute => {
        const { name, agreement, majority } = attribute
        const [low, high] = ends(attribute)
        return [
          { name, group: 'drawn from s', mean: agreement, low, high },
          { name, group: 'always the more frequent answer', mean: majority, low: null, high: null },
        ]
      }),
    }),
  }
}

/** Trained beside untrained, name by name. */
function beside(title: string, names: readonly string[], trained: Scores, control: Scores): Figure {
  const row = (name: string, group: string, mean: number | null) => ({ name, group, mean, low: null, high: null })
  return {
    title,
    caption: '1: always told apart; 0.5: no better than chance.',
    svg: intervalsSvg({
      title,
      x: { label: 'AUROC' },
      reference: null,
      rows: names.flatMap((name, i) => [row(name, 'trained', trained[i]), row(name, 'untrained control', control[i])]),
    }),
  }
}

type Scores = readonly (number | null)[]

export function attributeSection({ names, trained, control }: AttributeQuality, named: CheckpointInfo['names']): Section {
  return {
    heading: 'What s says about attributes',
    text: [latentWords(trained.images), dciWords(shown(trained.dci.majority))],
    figures: [beside('Attributes told by s', names, trained.auroc.attributes, control.auroc.attributes)],
    tables: [
      {
        title: 'Latent AUROC',
        columns: ['attribute', 'trained', 'control', 'best prototype', 'its AUROC', 'best of control', 'AUROC of that'],
        rows: names.map((name, a) => [
          name,
          trained.auroc.attributes[a],
          control.auroc.attributes[a],
          ...best(trained, a, named),
          // Without names: the control's prototype 12 is not the one that was named.
          ...best(control, a),
        ]),
      },
      ...wholeTables(names.length, { trained, control }),
    ],
  }
}

function best({ best }: LatentQuality, attribute: number, names?: CheckpointInfo['names']): [string | null, number | null] {
  const found = best[attribute]
  return found ? [prototypeLabel(found.prototype, { names }), found.auroc] : [null, null]
}

/** One row an encoder, so that every column has numbers of one kind. */
function wholeTables(attributes: number, encoders: Readonly<Record<string, LatentQuality>>): Table[] {
  const all = Object.entries(encoders)
  return [
    {
      title: 'All attributes together',
      columns: [
        'encoder',
        'mean latent AUROC',
        'deviation over folds',
        'half train and half test',
        'mean AUROC of best prototypes',
      ],
      rows: all.map(([encoder, { auroc, halves, best }]) => [
        encoder,
        auroc.mean,
        auroc.std,
        halves,
        meanOf(best.map(found => found && found.auroc)),
      ]),
    },
    {
      title: 'One prototype, one attribute',
      columns: ['encoder', 'TAD', 'deviation of TAD', `captured of ${attributes}`, 'deviation of captured'],
      rows: all.map(([encoder, { tad }]) => [encoder, tad.tad, tad.tadStd, tad.captured, tad.capturedStd]),
    },
    {
      title: 'DCI',
      columns: ['encoder', 'disentanglement', 'completeness', 'informativeness'],
      rows: all.map(([encoder, { dci }]) => [encoder, dci.disentanglement, dci.completeness, dci.test]),
    },
  ]
}

export function classSection({ names, images, trained, control, training }: ClassQuality): Section {
  const row = (pictures: string, { images, encoder, probe }: { images: number; encoder: string; probe: ProbeAccuracy }) => [
    pictures,
    images,
    encoder,
    probe.accuracy,
    probe.std,
    meanOf(probe.oneVsRest),
  ]
  const both = (pictures: string, { images, trained, control }: Probed) => [
    row(pictures, { images, encoder: 'trained', probe: trained }),
    row(pictures, { images, encoder: 'control', probe: control }),
  ]
  return {
    heading: 'What s says about classes',
    text: [classWords],
    figures: [beside('Classes told by s, in test pictures', names, trained.oneVsRest, control.oneVsRest)],
    tables: [
      {
        title: 'Probe of classes',
        columns: ['pictures', 'count', 'encoder', 'accuracy', 'deviation over folds', 'mean one-vs-rest AUROC'],
        rows: [...both('test', { images, trained, control }), ...both('training', training)],
      },
      {
        title: 'Class by class',
        columns: ['class', 'one-vs-rest AUROC', 'control'],
        rows: names.map((name, k) => [name, trained.oneVsRest[k] ?? null, control.oneVsRest[k] ?? null]),
      },
    ],
  }
}
