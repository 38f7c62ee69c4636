import { digits } from '../analysis/digits.ts'
import { passMark } from '../analysis/quality.ts'
import type { AttributeQuality, ClassQuality, QualityReport } from './quality-report.ts'

/** The answer in two or three plain sentences: what s knows, what is drawn from it, what comes back. */
export function qualitySummary(report: QualityReport): string[] {
  const { attributes, classes, reconstruction } = report
  return [
    ...(attributes?.reading ? [drawnSentence(attributes.reading.samples)] : []),
    ...(attributes ? [toldSentence(attributes)] : []),
    ...(classes ? [classSentence(classes)] : []),
    ...(attributes || classes ? [] : distanceSentence(report)),
    `Brought to noise and back with the same s, ${reconstruction.images} test pictures return with a mean squared error of ${digits(reconstruction.mean)} (pixels −1 … 1; worst ${digits(reconstruction.worst)}).`,
  ]
}

const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`)

function drawnSentence({ mean, majorityMean, attributes }: NonNullable<AttributeQuality['reading']>['samples']): string {
  if (mean === null) return 'No attribute varies in these pictures, so nothing can be said of what is drawn.'
  const failed = attributes.filter(({ agreement }) => agreement !== null && agreement < passMark).map(({ name }) => name)
  return `Faces drawn from s show ${percent(mean)} of the attributes of the face that s came from; always giving the more frequent answer would be right in ${percent(majorityMean)}. ${
    failed.length ? `Below ${percent(passMark)}: ${failed.join(', ')}.` : `No attribute is below ${percent(passMark)}.`
  }`
}

const give = ({ mean, std }: { mean: number | null; std: number | null }): string =>
  mean === null ? '–' : `${mean.toFixed(3)}${std === null ? '' : ` ± ${std.toFixed(3)}`}`

const toldSentence = ({ trained, control }: AttributeQuality): string =>
  trained.auroc.mean === null
    ? 'No attribute varies enough in these pictures to say what s tells.'
    : `A linear probe reads the attributes from s with a mean AUROC of ${give(trained.auroc)} (five folds); from an untrained encoder with ${give(control.auroc)}.`

const spanned = ({ accuracy, std }: { accuracy: number; std: number }): string =>
  `${(100 * accuracy).toFixed(1)} ± ${percent(std)}`

const classSentence = ({ images, trained, control }: ClassQuality): string =>
  `A linear probe on s names the class in ${spanned(trained)} of ${images} test pictures (five folds); from an untrained encoder in ${spanned(control)}.`

/** Without labels only the pictures themselves can be compared. */
const distanceSentence = ({ fd }: QualityReport): string[] =>
  fd
    ? [
        `The Fréchet distance of drawn pictures from real ones is ${digits(fd.samples.fd)}; of real ones from each other ${digits(fd.real.fd)}.`,
      ]
    : []
