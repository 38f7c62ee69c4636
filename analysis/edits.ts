/** Edits of s as a person writes them, one a line, and what they do (spec sections 6.4 and 6.6). */
import type { CheckpointInfo } from '../engine/patronus.ts'
import { type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { checkActivations, checkPrototype, maximumOf, paperMaximum, prototypeLabel, quantileOf } from './ranges.ts'

/** `set` s_J = value; `add` to what each image has; to the prototype's own `maximum` or `minimum`; to the paper's single `max(s_X)`; to its `quantile` `value` (0…1). */
export type Edit = {
  readonly prototype: number
  readonly mode: 'set' | 'add' | 'maximum' | 'max(s_X)' | 'minimum' | 'quantile'
  readonly value: number
}

const line = /^(\d+)\s*(?:([=+-])\s*(\S.*))$/
const number = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

/**
 * `12 = 0.8`, `12 + 0.3`, `12 - 0.3`, `12 = max`, `12 = max(s_X)`, `12 = min`, `12 = q95`; blank lines and what follows a # are skipped.
 * Later lines act on what earlier ones left. Throws an error that names the line.
 */
export function parseEdits(text: string): Edit[] {
  return text.split('\n').flatMap((whole, i) => {
    const clean = whole.replace(/#.*/, '').trim()
    if (!clean) return []
    const [, index, sign, operand] = line.exec(clean) ?? []
    const edit = index === undefined ? undefined : readEdit(Number(index), sign, operand.trim().toLowerCase())
    if (!edit)
      throw new Error(
        `line ${i + 1}: cannot read "${clean.slice(0, 60)}"; write for example "12 = 0.8", "12 + 0.3", "12 = max" or "12 = q95"`,
      )
    return [edit]
  })
}

function readEdit(prototype: number, sign: string, operand: string): Edit | undefined {
  if (number.test(operand) && Number.isFinite(Number(operand)))
    return sign === '='
      ? { prototype, mode: 'set', value: Number(operand) }
      : { prototype, mode: 'add', value: Number(`${sign}1`) * Number(operand) }
  if (sign !== '=') return undefined
  if (operand === 'max' || operand === 'maximum') return { prototype, mode: 'maximum', value: 0 }
  if (operand === 'max(s_x)') return { prototype, mode: 'max(s_X)', value: 0 }
  if (operand === 'min' || operand === 'minimum') return { prototype, mode: 'minimum', value: 0 }
  const share = /^q(\d{1,2}(?:\.\d+)?|100)$/.exec(operand)
  return share ? { prototype, mode: 'quantile', value: Number(share[1]) / 100 } : undefined
}

/** "3, 17, 30-32" → [3, 17, 30, 31, 32], each once, in the order they are written. */
export function parsePrototypes(text: string): number[] {
  const parts = text.split(/[\s,;]+/).filter(part => part !== '')
  const indices = parts.flatMap(part => {
    const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part) ?? []
    if (from === undefined || Number(to) < Number(from) || Number(to) - Number(from) > 10_000)
      throw new Error(`cannot read "${part.slice(0, 40)}" as prototypes; write for example "3, 17, 30-35"`)
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
  })
  return [...new Set(indices)]
}

/** Every s lies between absent and an exact match: ln(1/ε) up to a rounding (spec section 2). */
const highest = ({ config }: CheckpointInfo): number => Math.log(1 / config.prototypes.epsilon + 1)

/**
 * s [B,m] after `edits`, and a sentence for each value that was held back. Without `extrapolate` a value stays between 0 (absent)
 * and the prototype's measured maximum; without measured ranges between 0 and an exact match. `maximum` without measured ranges is
 * the paper's max(s_X), over the batch given. Who asks for `max(s_X)` gets it, even where it is more than the prototype's own maximum.
 */
export function applyEdits(
  s: Tensor,
  edits: readonly Edit[],
  info: CheckpointInfo,
  extrapolate = false,
): { s: Tensor; notes: string[] } {
  const { count } = info.config.prototypes
  checkActivations(s, info)
  wantPictures('edits of s', s)
  const notes: string[] = []
  const data = s.data.slice()
  for (const edit of edits) {
    const j = checkPrototype(edit.prototype, info)
    const value = targetOf(edit, info, s)
    const own = info.ranges?.[j]?.max ?? highest(info)
    const top = edit.mode === 'max(s_X)' ? Math.max(own, value) : own
    let held: number | undefined
    for (let i = j; i < data.length; i += count) {
      const wanted = edit.mode === 'add' ? data[i] + value : value
      data[i] = extrapolate ? wanted : Math.min(top, Math.max(0, wanted))
      if (Math.abs(data[i] - wanted) > 1e-6) held = wanted
    }
    if (top > own) notes.push(beyond(edit, value, own, info))
    if (held !== undefined) notes.push(heldBack(edit, held, top, info))
  }
  return { s: { shape: s.shape, data }, notes }
}

function targetOf({ prototype, mode, value }: Edit, info: CheckpointInfo, s: Tensor): number {
  const range = info.ranges?.[prototype]
  if (mode === 'set' || mode === 'add') return value
  if (mode === 'maximum') return maximumOf(prototype, info, s)
  if (mode === 'max(s_X)') return paperMaximum(info, s)
  if (!range)
    throw new Error(
      `prototype ${prototype}: "${info.name}" has no measured ranges, so it has no ${mode}; give a value, or use the maximum, which falls back to the largest s of the batch`,
    )
  if (mode === 'minimum') return range.min
  if (!(value >= 0 && value <= 1)) throw new Error(`prototype ${prototype}: a quantile lies between 0 and 1, got ${value}`)
  return quantileOf(range, value)
}

function heldBack({ prototype }: Edit, wanted: number, top: number, info: CheckpointInfo): string {
  const [limit, what] =
    wanted < 0 ? ['0', 'absent'] : [top.toPrecision(3), info.ranges ? 'its measured maximum' : 'an exact match']
  return `prototype ${prototypeLabel(prototype, info)}: ${wanted.toPrecision(3)} held back to ${limit}, ${what}; turn on extrapolate to go further`
}

const beyond = ({ prototype }: Edit, value: number, own: number, info: CheckpointInfo): string =>
  `prototype ${prototypeLabel(prototype, info)}: max(s_X) = ${value.toPrecision(3)} is more than was ever measured for it, ${own.toPrecision(3)}`
