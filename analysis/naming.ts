/** Names that people give to prototypes: the file they travel in, its checks, and how they join what a checkpoint says of itself. */
import type { CheckpointInfo } from '../engine/patronus.ts'
import { isRecord, kindOf, parserMessage, quote } from './plain-values.ts'

/** What a person says about one prototype. */
export type PrototypeName = {
  /** One line of at most 80 characters; '' where only a note was made: the checkpoint's own name stays then. */
  readonly name: string
  /** What it seems to stand for and why, at most 2,000 characters; lines are allowed. */
  readonly note?: string
  /** How sure the person is, 0 … 1. */
  readonly confidence?: number
}

/** By prototype index. */
export type PrototypeNames = Readonly<Record<string, PrototypeName>>
/** What becomes of each: `null` forgets it, what is not listed stays. */
export type NamesChange = Readonly<Record<string, PrototypeName | null>>

/** The names of one checkpoint, as they are stored, exported and imported (docs/naming.md). */
export type NamesFile = {
  readonly format: 'patronus-names'
  readonly version: 1
  /** SHA-256 of the checkpoint file, hex: index 12 of another file is another prototype. */
  readonly checkpoint: string
  /** For people; nothing depends on it. */
  readonly checkpointName: string
  readonly names: PrototypeNames
}

export const limits = { name: 80, note: 2000, checkpointName: 200, prototypes: 10_000, characters: 4 << 20 } as const

/** A names file that cannot be used; the message lists what is wrong with it. */
export class NamesError extends Error {
  constructor(wrong: readonly string[]) {
    const shown = wrong.slice(0, 5)
    super(`names: ${shown.join('; ')}${wrong.length > shown.length ? `; and ${wrong.length - shown.length} more` : ''}`)
    this.name = 'NamesError'
  }
}

/** JSON text of a names file. `count`: how many prototypes its checkpoint has, where that is known. */
export function parseNames(text: string, count?: number): NamesFile {
  if (text.length > limits.characters)
    throw new NamesError([`the file has ${text.length} characters; at most ${limits.characters} are allowed`])
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new NamesError([`the file is not JSON: ${parserMessage(error)}`])
  }
  return checkNamesFile(value, count)
}

export function checkNamesFile(value: unknown, count?: number): NamesFile {
  const wrong: string[] = []
  if (!isRecord(value)) throw new NamesError([`a names file is an object, this is ${kindOf(value)}`])
  const { format, version, checkpoint, checkpointName, names } = value
  if (format !== 'patronus-names') wrong.push(`format should be "patronus-names", is ${kindOf(format)}`)
  if (version !== 1) wrong.push(`version should be 1, is ${kindOf(version)}; a newer program may have written it`)
  if (typeof checkpoint !== 'string' || !/^[0-9a-f]{64}$/.test(checkpoint))
    wrong.push(`checkpoint should be the SHA-256 of a checkpoint file (64 hex digits), is ${kindOf(checkpoint)}`)
  const nameProblem = textProblem(checkpointName, limits.checkpointName, unfit)
  if (nameProblem) wrong.push(`checkpointName ${nameProblem}`)
  wrong.push(...unknownKeys(value, ['format', 'version', 'checkpoint', 'checkpointName', 'names']))
  if (wrong.length) throw new NamesError(wrong)
  return {
    format: 'patronus-names',
    version: 1,
    checkpoint: checkpoint as string,
    checkpointName: checkpointName as string,
    names: merge({}, checkChange(names, count)),
  }
}

/** Names by index, or `null` for those to forget; every fault of every entry is told. */
export function checkChange(value: unknown, count: number = limits.prototypes): NamesChange {
  if (!isRecord(value)) throw new NamesError([`names should be an object of entries by prototype, is ${kindOf(value)}`])
  const wrong: string[] = []
  const given = Object.entries(value)
  if (given.length > count) throw new NamesError([`${given.length} entries, but there are ${count} prototypes`])
  const entries = given.map(([index, entry]): [string, PrototypeName | null] => {
    if (!/^(0|[1-9]\d{0,5})$/.test(index)) wrong.push(`${quote(index)} is not the number of a prototype`)
    else if (Number(index) >= count) wrong.push(`prototype ${index} does not exist: there are ${count} (0 … ${count - 1})`)
    if (entry === null) return [index, null]
    const problems = entryProblems(entry)
    wrong.push(...problems.map(problem => `prototype ${index.slice(0, 12)}: ${problem}`))
    return [index, problems.length ? null : tidy(entry as PrototypeName)]
  })
  if (wrong.length) throw new NamesError(wrong)
  return Object.fromEntries(entries)
}

/** Control characters, halves of surrogate pairs, and marks that make the text after them read backwards. */
const unfit = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
/** The same, but a note may have lines and tabs. */
const unfitInNote = /(?![\n\r\t])[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

function entryProblems(entry: unknown): string[] {
  if (!isRecord(entry)) return [`should be an object with a name, is ${kindOf(entry)}`]
  const { name, note, confidence } = entry
  const problems = unknownKeys(entry, ['name', 'note', 'confidence'])
  const inName = textProblem(name, limits.name, unfit)
  if (inName) problems.push(`name ${inName}`)
  const inNote = note === undefined ? undefined : textProblem(note, limits.note, unfitInNote)
  if (inNote) problems.push(`note ${inNote}`)
  if (!inName && !inNote && !`${String(name)}${String(note ?? '')}`.trim()) problems.push('has neither a name nor a note')
  if (confidence !== undefined && !(typeof confidence === 'number' && confidence >= 0 && confidence <= 1))
    problems.push(`confidence should be a number 0 … 1, is ${kindOf(confidence)}`)
  return problems
}

function textProblem(value: unknown, longest: number, unfit: RegExp): string | undefined {
  if (typeof value !== 'string') return `should be text, is ${kindOf(value)}`
  if (value.length > longest) return `has ${value.length} characters; at most ${longest} are allowed`
  const bad = unfit.exec(value)?.[0].codePointAt(0)
  return bad === undefined ? undefined : `holds the control character U+${bad.toString(16).toUpperCase().padStart(4, '0')}`
}

/** One spelling for what looks the same, so that equal names are equal text. */
function tidy({ name, note, confidence }: PrototypeName): PrototypeName {
  const lines = note?.normalize().replace(/\r\n?/g, '\n').trim()
  return { name: name.normalize().trim(), ...(lines && { note: lines }), ...(confidence !== undefined && { confidence }) }
}

const unknownKeys = (value: object, known: readonly string[]): string[] =>
  Object.keys(value)
    .filter(key => !known.includes(key))
    .slice(0, 5)
    .map(key => `${quote(key)} means nothing here`)

/** `names` after a change; where both speak of a prototype, the change wins. */
export const merge = (names: PrototypeNames, change: NamesChange): PrototypeNames =>
  Object.fromEntries(
    Object.entries({ ...names, ...change }).filter((entry): entry is [string, PrototypeName] => entry[1] !== null),
  )

/** As it is written: prototypes in ascending order, for an object's whole-number keys stand so by themselves. */
export const serialise = ({ checkpoint, checkpointName, names }: Pick<NamesFile, 'checkpoint' | 'checkpointName' | 'names'>) =>
  `${JSON.stringify({ format: 'patronus-names', version: 1, checkpoint, checkpointName, names }, null, 2)}\n`

/** Why names made for one checkpoint should not be used for the checkpoint `id`; undefined when it is the same. */
export const otherCheckpoint = (
  { checkpoint, checkpointName }: Pick<NamesFile, 'checkpoint' | 'checkpointName'>,
  id: string,
): string | undefined =>
  checkpoint === id
    ? undefined
    : `These names were given for another checkpoint, "${checkpointName}" (${checkpoint.slice(0, 12)}…); this one is ${id.slice(0, 12)}…, where the same numbers are other prototypes`

/** The names alone, for what shows no notes; prototypes that only have a note are left out. */
export const plainNames = (names: PrototypeNames): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(names).flatMap(([index, { name }]) => (name ? [[index, name]] : [])))

/** What a checkpoint says about itself with the names people gave; theirs go before its own. */
export const withNames = (info: CheckpointInfo, names: Readonly<Record<string, string>>): CheckpointInfo =>
  Object.keys(names).length ? { ...info, names: { ...info.names, ...names } } : info
