import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { NamesChange, NamesFile, PrototypeName, PrototypeNames } from '../analysis/naming.ts'
import type { DeviceName } from '../engine/device.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import { Failure } from './failure.ts'
import { keptNames } from './kept-names.ts'
import { collected, deviceOption, fraction, whole } from './options.ts'
import { withSubject } from './subject.ts'
import { suggestDefaults, suggestionsFor, suggestionTable } from './suggest-names.ts'

type NamesOptions = {
  readonly set?: readonly string[]
  readonly note?: readonly string[]
  readonly confidence?: readonly string[]
  readonly import?: string
  readonly force?: boolean
  readonly export?: string
  readonly data: string
  readonly json?: boolean
  readonly suggest?: boolean
  readonly dataSet?: string
  readonly pictures: number
  readonly threshold: number
  readonly control: boolean
  readonly seed: number
  readonly device: DeviceName
}

/** `patronus names`: what people call the prototypes of a checkpoint. */
export const namesCommand = (): Command =>
  new Command('names')
    .description('print, give, import, export or suggest names of prototypes')
    .argument('<checkpoint>', "a .safetensors file, or the authors' folder or ckpt.tar")
    .option('-s, --set <prototype=name>', 'name a prototype; nothing after = takes its name away; repeatable', collected)
    .option('--note <prototype=text>', 'say why; nothing after = takes the note away; repeatable', collected)
    .option('--confidence <prototype=number>', 'say how sure you are, 0 … 1; repeatable', collected)
    .option('--import <file>', 'take over the names of a file; those it does not mention stay')
    .option('--force', 'import although the file was made for another checkpoint')
    .option('--export <file>', 'write the names to a file')
    .option('--data <folder>', 'folder whose state.db holds the names, as for serve', 'data')
    .option('--suggest', "look for names among the data set's attributes, and print them with their evidence; writes nothing")
    .option('--data-set <config>', "training config whose data set suggestions come from (default: the checkpoint's own)")
    .option('--pictures <n>', 'test pictures that suggestions come from', whole(1), suggestDefaults.pictures)
    .option('--threshold <AUROC>', 'least AUROC of a suggestion', fraction, suggestDefaults.threshold)
    .option('--no-control', 'do not compare with an untrained encoder')
    .option('--seed <n>', 'decides the untrained encoder', whole(0), suggestDefaults.seed)
    .addOption(deviceOption())
    .option('--json', 'one JSON object instead of text')
    .addHelpText(
      'after',
      '\nExample: patronus names checkpoints/avatars64.safetensors --set 12=glasses --note "12=round ones, too"',
    )
    .action(names)

async function names(checkpoint: string, options: NamesOptions): Promise<void> {
  const changes = [options.set, options.note, options.confidence, options.import, options.export]
  if (!options.suggest) return keep(checkpoint, options)
  if (changes.some(given => given !== undefined))
    throw new Failure('--suggest only looks; give the names that you accept in a call of their own, with --set')
  await suggest(checkpoint, options)
}

async function keep(checkpoint: string, options: NamesOptions): Promise<void> {
  const [{ openCheckpoint }, { merge, serialise }, { readChange }] = await Promise.all([
    import('../engine/checkpoint/open.ts'),
    import('../analysis/naming.ts'),
    import('../server/names.ts'),
  ])
  const { id, info } = await openCheckpoint(checkpoint)
  const subject = { id, title: info.name, count: info.config.prototypes.count }
  const kept = await keptNames(options.data)
  const imported = options.import === undefined ? {} : await imports(options.import, options.force ?? false, subject)
  const settings = [...readSettings(options)]
  const byHand = (now: PrototypeNames) => readChange({ names: changed(now, settings) }, subject, false)
  const change = (now: PrototypeNames) => {
    const after = merge(now, imported)
    return merge(after, byHand(after))
  }
  const isChanged = options.import !== undefined || settings.length > 0
  const all = isChanged ? (await kept.change(subject, change)).names : await kept.read(id)
  const file: NamesFile = { format: 'patronus-names', version: 1, checkpoint: id, checkpointName: info.name, names: all }
  if (options.export !== undefined) {
    const { writeWhole } = await import('../train/files.ts')
    await writeWhole(options.export, [serialise(file)])
  }
  process.stdout.write(options.json ? `${JSON.stringify(file)}\n` : listing(all, info))
}

async function imports(
  file: string,
  force: boolean,
  subject: { id: string; title: string; count: number },
): Promise<NamesChange> {
  const [{ parseNames }, { readChange }] = await Promise.all([import('../analysis/naming.ts'), import('../server/names.ts')])
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`--import ${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`)
  })
  try {
    return readChange(parseNames(text), subject, force)
  } catch (error) {
    const { message, status } = error as Error & { status?: number }
    throw new Failure(`--import ${file}: ${message}${status === 409 ? '; --force imports them all the same' : ''}`)
  }
}

type Setting = { readonly prototype: string; readonly part: 'name' | 'note' | 'confidence'; readonly value: string }

function* readSettings({ set, note, confidence }: NamesOptions): Generator<Setting> {
  for (const [option, part, texts] of [
    ['--set', 'name', set],
    ['--note', 'note', note],
    ['--confidence', 'confidence', confidence],
  ] as const)
    for (const text of texts ?? []) {
      const [, prototype, value] = /^(\d+)=(.*)$/s.exec(text.trim()) ?? []
      if (prototype === undefined) throw new Failure(`${option} ${text}: wanted <prototype>=<${part}>, for example ${option} 12=${{ name: 'glasses', note: '"round ones, too"', confidence: '0.8' }[part]}`) // prettier-ignore
      yield { prototype: String(Number(prototype)), part, value: value.trim() }
    }
}

/** What the settings make of the entries they name; one that says nothing any more is forgotten. */
function changed(now: PrototypeNames, settings: readonly Setting[]): Record<string, unknown> {
  const entries: Record<string, Partial<PrototypeName>> = {}
  for (const { prototype, part, value } of settings) {
    const before = entries[prototype] ?? now[prototype] ?? { name: '' }
    const after = part !== 'confidence' ? value : value === '' ? undefined : Number(value)
    entries[prototype] = { ...before, [part]: after }
  }
  return Object.fromEntries(Object.entries(entries).map(([j, entry]) => [j, entry.name || entry.note ? entry : null]))
}

function listing(names: PrototypeNames, info: CheckpointInfo): string {
  const own = Object.entries(info.names ?? {}).filter(([j]) => !names[j]?.name)
  const rows: [string, string, string][] = [
    ...Object.entries(names).map(([j, { name, note = '', confidence }]): [string, string, string] => [
      j,
      name + (confidence === undefined ? '' : ` (${Math.round(100 * confidence)} %)`),
      note.replaceAll('\n', ' / '),
    ]),
    ...own.map(([j, name]): [string, string, string] => [j, name, "(the checkpoint's own name)"]),
  ]
  if (rows.length === 0)
    return `${info.name}: no prototype has a name yet; give one with --set 12=glasses, or look for some with --suggest\n`
  const width = Math.max(...rows.map(([, name]) => name.length))
  return rows
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([j, name, note]) => `${j.padStart(4)}  ${name.padEnd(width)}  ${note}`.trimEnd() + '\n')
    .join('')
}

async function suggest(checkpoint: string, options: NamesOptions): Promise<void> {
  const [{ tableText }, { byLead }] = await Promise.all([
    import('../nodes/table-text.ts'),
    import('../analysis/name-suggestions.ts'),
  ])
  const { dataSet, data, json } = options
  await withSubject(checkpoint, { ...options, data: dataSet, names: data }, async subject => {
    const found = await suggestionsFor(subject, options)
    if (json) return void process.stdout.write(`${JSON.stringify(found)}\n`)
    if (found.suggestions.length === 0)
      return void process.stdout.write(
        `No prototype tells any attribute of ${found.dataSet} with an AUROC of ${found.threshold} over ${found.pictures} test pictures.\n`,
      )
    const table = suggestionTable(found, subject.patronus.info.names)
    const [{ prototype, name }] = byLead(found.suggestions)
    process.stdout.write(`${tableText(table, Infinity)}\n${reading(prototype, checkpoint, name)}`)
  })
}

const reading = (prototype: number, checkpoint: string, name: string): string => `
"pictures with it" have the attribute itself, also where the suggestion is "not" it. A small gap: the prototype tells the next
attribute, too. "untrained" is the best prototype of an encoder that has learned nothing: where that is as high, the attribute
is easy to tell (a colour), and the name says little about what was learned. Nothing was written. Look at the prototype
(Visualize Prototype) before you accept:
  patronus names ${checkpoint} --set ${prototype}="${name}"
`
