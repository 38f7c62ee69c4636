import type { Atlas } from '../../analysis/atlas.ts'
import { fixed } from '../../analysis/digits.ts'
import type { Coupling } from '../../analysis/couplings.ts'
import type { Diagnosis, Shift } from '../../analysis/diagnose.ts'
import type { Emergence } from '../../analysis/emergence.ts'
import { frequencyRelation } from '../../analysis/emergence-frequency.ts'
import { meanOf } from '../../analysis/metrics/statistics.ts'
import type { PrototypeComparison } from '../../analysis/reports/emergence.ts'
import type { AblationRow } from '../../train/ablation.ts'
import type { QualityReport } from '../../train/quality-report.ts'
import type { Claim } from './claim.ts'

/** From measurements to claims. What counts as "held" is written here, before anything is measured. */

const number = (value: number | null | undefined, digits = 2): string =>
  value === null || value === undefined ? '–' : fixed(value, digits)

const between = ({ mean, interval }: Shift): string =>
  `${number(mean, 3)}${interval ? ` (95 % interval ${number(interval.low, 3)} to ${number(interval.high, 3)})` : ''}`

export function qualityClaims({ checkpoint, reconstruction, attributes, classes }: QualityReport): Claim[] {
  const claims: Claim[] = [
    {
      claim: `${checkpoint.name}: s and x_T together rebuild the picture (mean squared error below .01, pixels −1 … 1)`,
      source: 'paper, reconstruction; spec 6.3',
      measured: `${number(reconstruction.mean, 5)} over ${reconstruction.images} test pictures, worst ${number(reconstruction.worst, 5)}`,
      held: reconstruction.mean < 0.01,
    },
  ]
  if (attributes) {
    const { trained, control } = attributes
    claims.push(
      {
        claim: `${checkpoint.name}: a linear probe reads attributes from s better than from an untrained encoder`,
        source: 'paper, Table 2; control by spec 11',
        measured: `latent AUROC ${number(trained.auroc.mean, 3)} against ${number(control.auroc.mean, 3)} untrained, ${trained.images} test pictures`,
        held: (trained.auroc.mean ?? 0) > (control.auroc.mean ?? 1),
      },
      {
        claim: `${checkpoint.name}: single prototypes stand for single attributes (TAD and captured above the untrained control)`,
        source: 'paper, Table 2; spec 7.1',
        measured: `TAD ${number(trained.tad.tad, 3)} against ${number(control.tad.tad, 3)}; captured ${number(trained.tad.captured, 1)} against ${number(control.tad.captured, 1)} of ${attributes.names.length}`,
        held: trained.tad.tad > control.tad.tad && trained.tad.captured >= control.tad.captured,
      },
    )
  }
  if (classes)
    claims.push({
      claim: `${checkpoint.name}: the probe names the class as often as the paper's .82`,
      source: "paper, Table 2 (there called latent AUROC; by the authors' code an accuracy on training pictures)",
      measured: `${number(classes.training.trained.accuracy, 3)} ± ${number(classes.training.trained.std, 3)} on training pictures, ${number(classes.trained.accuracy, 3)} on test pictures; untrained ${number(classes.training.control.accuracy, 3)}`,
      held: classes.training.trained.accuracy >= 0.82,
    })
  return claims
}

export function atlasClaims({ entries, shuffled, faces }: Atlas): Claim[] {
  const scores = entries.flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
  const above = scores.filter(score => score > (shuffled?.high ?? 1)).length
  return [
    {
      claim: 'A prototype shows the same concept whatever picture it is raised on',
      source: 'paper, consistency; spec 6.2 (held: nine of ten beyond 95 % of shuffled groups)',
      measured: `${above} of ${scores.length} prototypes on ${faces} pictures; mean cosine ${number(meanOf(scores), 3)}, shuffled ${number(shuffled?.mean, 3)}`,
      held: scores.length > 0 && above >= 0.9 * scores.length,
    },
  ]
}

/** `asked`: prototypes of which a partial edit was wanted; some have no depth, or no change that both edits can make. */
export function emergenceClaims(found: Emergence, edits: readonly PrototypeComparison[], asked: number, seed: number): Claim[] {
  const rising = found.prototypes.filter(({ rises }) => rises)
  const relation = frequencyRelation(found.prototypes, seed)
  const { value, interval } = relation.pictures
  const early = rising.map(({ raised }) => shareBy(found.t, raised.mean, 800))
  const judged = edits.flatMap(({ comparison }) => (comparison.preserved ? [comparison] : []))
  const better = judged.filter(({ preserved }) => (preserved!.interval?.low ?? -1) > 0).length
  const worse = judged.filter(({ preserved }) => (preserved!.interval?.high ?? 1) < 0).length
  const steps = meanOf(judged.map(({ partial, full }) => partial.steps / full.steps))
  return [
    {
      claim: 'Little appears in the first fifth of denoising (t > 800)',
      source: 'project page, emergence (held: at most a tenth of the final rise, mean over prototypes)',
      measured: `${number(meanOf(early))} of the final rise by t = 800, over ${rising.length} rising prototypes and ${found.pictures} pictures`,
      held: (meanOf(early) ?? 1) <= 0.1,
    },
    {
      claim: 'Coarse concepts appear before fine ones',
      source: 'paper, emergence (held: Spearman of onset and spatial frequency below 0 with its interval)',
      measured: `Spearman ${number(value)} (95 % interval ${number(interval?.low)} to ${number(interval?.high)}) over ${relation.points.length} prototypes, onset as the mean over single pictures`,
      held: interval === null ? null : interval.high < 0,
    },
    {
      claim: 'An edit need not go all the way to noise: a partial one keeps more of the rest at equal change, in less work',
      source: "issue 3, from the paper's emergence (held: surely better for most prototypes, surely worse for none)",
      measured: `less squared error outside the patch for ${better} of ${judged.length} prototypes with an interval above 0, more for ${worse}, of ${asked} asked (the others have no depth that helps, or no change that both edits can make); ${number(steps === null ? null : 100 * (1 - steps), 0)} % fewer network steps`,
      held: judged.length === 0 ? null : better > judged.length / 2 && worse === 0,
    },
  ]
}

/** Share of a curve's end that it has reached at level `t`. */
function shareBy(times: readonly number[], mean: readonly number[], t: number): number {
  const at = times.filter(time => time >= t).length - 1
  return at < 0 ? 0 : mean[at] / mean[mean.length - 1]
}

const shiftIn = ({ attributes, raises }: Diagnosis, raised: string, read: string): Shift | undefined =>
  raises.find(({ raise }) => raise.name === raised)?.shifts[attributes.indexOf(read)]

/** `how` says in words how black hair was brought into s. */
export function shortcutClaims(how: string, biased: Diagnosis, clean: Diagnosis): Claim[] {
  const [planted, control] = [biased, clean].map(diagnosis => shiftIn(diagnosis, 'black hair', 'smiling'))
  const itself = [biased, clean].map(diagnosis => number(shiftIn(diagnosis, 'black hair', 'black hair')?.mean)).join(' and ')
  return [
    {
      claim: `In the model trained on biased faces, raising black hair (${how}) takes the smile away, by .3 at least, interval away from 0`,
      source: 'paper, shortcut diagnosis (by eye); bars of issue 3',
      measured: planted
        ? `P(smiling) moves by ${between(planted)} in those without black hair of ${biased.pictures} balanced faces; black hair itself by ${itself} (biased and clean)`
        : 'not raised',
      held: planted ? planted.mean <= -0.3 && (planted.interval?.high ?? 0) < 0 : null,
    },
    {
      claim: `In the clean model it does not (${how}; .1 at most)`,
      source: 'bars of issue 3',
      measured: control ? `P(smiling) moves by ${between(control)}` : 'not raised',
      held: control ? Math.abs(control.mean) <= 0.1 : null,
    },
  ]
}

/** Prototypes that tell the colour of the hair and smiling, to recognise a coupling by. */
export type Telling = { readonly hair: ReadonlySet<number>; readonly mouth: ReadonlySet<number> }

/** `raising` is of the model, `reading` of the encoder that reads: what is planted ties both ways. */
export function couplingClaims(couplings: readonly Coupling[], raising: Telling, reading: Telling): Claim[] {
  const placeOf = (from: ReadonlySet<number>, to: ReadonlySet<number>) =>
    couplings.findIndex(({ raised, answers }) => from.has(raised) && to.has(answers))
  const places = [placeOf(raising.hair, reading.mouth), placeOf(raising.mouth, reading.hair)]
  const [toMouth, toHair] = places.map(place => (place < 0 ? 'not in the list' : `place ${place + 1}`))
  const five = couplings.slice(0, 5).map(({ raised, answers, excess }) => `${raised} → ${answers} (${number(excess, 1)})`)
  return [
    {
      claim: 'Without labels, the coupling of hair and mouth is among the first five that the clean model does not have',
      source: 'bar of issue 3',
      measured: `hair raised, mouth answers: ${toMouth}; mouth raised, hair answers: ${toHair}; of ${couplings.length}. The first: ${five.join(', ')}`,
      held: places.some(place => place >= 0 && place < 5),
    },
  ]
}

export function ablationClaims(rows: readonly AblationRow[]): Claim[] {
  const plain = rows.find(({ matched }) => matched === null)
  const chance = rows.find(({ margin, matched }) => margin === 0 && matched !== null)
  return rows
    .filter(({ margin }) => margin > 0)
    .map(({ name, nearestMean, nearestMax, matched }) => ({
      claim: `${name}: the distinct loss leaves the prototypes much as they are (as like the model without it as another seed is, or more)`,
      source: "paper, ablation of the distinct loss; small models trained side by side, the authors' recipe",
      measured: `correlation of s with the model without it, matched one to one: ${number(matched)}; another seed ${number(chance?.matched)}. |cos| with the nearest prototype of the same model: mean ${number(nearestMean)}, largest ${number(nearestMax)}; without the loss ${number(plain?.nearestMean)} and ${number(plain?.nearestMax)}`,
      held: matched === null || chance?.matched == null ? null : matched >= chance.matched,
    }))
}
