import { dims, type Tensor } from '../model/tensor.ts'
import { aurocMatrix, aurocs } from './metrics/auroc.ts'
import { fromTensor } from './metrics/matrix.ts'
import { limits } from './naming.ts'
import { column } from './ranges.ts'

/** Yes/no facts about pictures: `values` is [B, names.length] of 0 and 1. */
export type Attributes = { readonly names: readonly string[]; readonly values: ArrayLike<number> }

/** A name that a prototype might deserve, and why. Nothing here gives it that name: a person does, who has looked at it. */
export type Suggestion = {
  readonly prototype: number
  /** The attribute, or "not …" when the prototype is higher without it. */
  readonly name: string
  readonly attribute: string
  readonly sign: 1 | -1
  /** AUROC of s_j for the name, .5 … 1 (the sign is in the name already). */
  readonly auroc: number
  /** The attribute it tells second best; `null` where there is only one. */
  readonly runnerUp: { readonly name: string; readonly auroc: number } | null
  /** How far the runner-up is behind. Near 0: the prototype tells both, and the name is half of the truth. */
  readonly gap: number | null
  readonly pictures: number
  /** Pictures that have the attribute. */
  readonly positives: number
  /** The best that any prototype of the untrained control does on this attribute; `null` without a control. */
  readonly control: number | null
  /** All of the above in a sentence or three. */
  readonly evidence: string
}

/** What a data set suggests for the prototypes of one checkpoint, as it is told and kept. JSON-able. */
export type NameSuggestions = {
  /** SHA-256 of the checkpoint. */
  readonly checkpoint: string
  /** Where the pictures are from. */
  readonly dataSet: string
  /** Test pictures that were looked at. */
  readonly pictures: number
  /** Least AUROC of a suggestion. */
  readonly threshold: number
  readonly suggestions: readonly Suggestion[]
}

export type SuggestOptions = {
  /** Least AUROC of a suggestion. */
  readonly threshold?: number
  /** Attributes that fewer pictures have, or lack, are left out: among many prototypes one tells a handful by chance. */
  readonly fewest?: number
}

export const defaults = { threshold: 0.8, fewest: 10 } as const

/**
 * For each prototype the attribute it tells best by itself, strongest first; only those that reach the threshold.
 * Constant attributes cannot be told and are left out with the rare ones.
 *
 * s        [B,m] of B pictures
 * control  [B,m'] of the same pictures by an untrained encoder: what prototypes tell that have learned nothing
 */
export function suggestNames(
  s: Tensor,
  attributes: Attributes,
  control?: Tensor,
  { threshold = defaults.threshold, fewest = defaults.fewest }: SuggestOptions = {},
): Suggestion[] {
  const { B, m } = dims(s, 'B m')
  if (control && control.shape[0] !== B) throw new Error(`control: wanted s of the same ${B} pictures, got ${control.shape[0]}`)
  const judged = judgedAttributes(attributes, B, fewest)
  if (judged.length === 0) return []
  const labels = judged.map(attribute => attribute.labels)
  const untrained = control && aurocMatrix(fromTensor(control), labels).map(row => row && Math.max(...row))
  const suggestions = Array.from({ length: m }, (_, prototype) => {
    const told = aurocs(labels, Float32Array.from(column(s, prototype)))
      .map((value, a) => ({ a, sign: value! < 0.5 ? (-1 as const) : (1 as const), auroc: Math.max(value!, 1 - value!) }))
      .sort((x, y) => y.auroc - x.auroc)
    const [{ a, sign, auroc }, second] = told
    const runnerUp = second ? { name: nameOf(judged[second.a].name, second.sign), auroc: second.auroc } : null
    const { name: attribute, positives } = judged[a]
    const found = {
      prototype,
      name: nameOf(attribute, sign),
      attribute,
      sign,
      auroc,
      runnerUp,
      gap: runnerUp && auroc - runnerUp.auroc,
      pictures: B,
      positives,
      control: untrained?.[a] ?? null,
    }
    return { ...found, evidence: evidenceOf(found) }
  })
  return suggestions.filter(({ auroc }) => auroc >= threshold).sort((x, y) => y.auroc - x.auroc)
}

/** Those that an untrained encoder tells least come first: what is easy to tell says little about what was learned. */
export const byLead = (suggestions: readonly Suggestion[]): Suggestion[] => {
  const lead = ({ auroc, control }: Suggestion) => auroc - (control ?? 0)
  return suggestions.toSorted((a, b) => lead(b) - lead(a))
}

function judgedAttributes({ names, values }: Attributes, B: number, fewest: number) {
  if (values.length !== B * names.length)
    throw new Error(`attributes: ${names.length} of ${B} pictures are ${B * names.length} values, got ${values.length}`)
  const all = names.map((name, a) => {
    const labels = Uint8Array.from({ length: B }, (_, b) => values[b * names.length + a])
    return { name, labels, positives: labels.reduce((sum, value) => sum + value, 0) }
  })
  return all.filter(({ positives }) => Math.min(positives, B - positives) >= Math.max(1, fewest))
}

const nameOf = (attribute: string, sign: 1 | -1): string =>
  `${sign < 0 ? 'not ' : ''}${attribute.replace(/[\s_]+/g, ' ').trim()}`.slice(0, limits.name)

const three = (value: number): string => value.toFixed(3)

function evidenceOf({
  attribute,
  sign,
  auroc,
  runnerUp,
  gap,
  pictures,
  positives,
  control,
}: Omit<Suggestion, 'evidence'>): string {
  const parts = [
    `s is ${sign > 0 ? 'higher' : 'lower'} in pictures with ${attribute}: AUROC ${three(auroc)} over ${pictures} pictures, ${positives} of them with it.`,
    runnerUp && `Next: ${runnerUp.name} ${three(runnerUp.auroc)}, ${three(gap!)} behind.`,
    control !== null && `An untrained encoder's best prototype reaches ${three(control)}.`,
  ]
  return parts.filter(part => part).join(' ')
}
