import { createdAt, durationOf, stateOf, workflowIdOf, type Found, type HistoryEntry, type HistoryQuery } from './history.ts'
import { counterOf, namesFor, type Claim, type OutputFile } from './output-names.ts'
import { createMemoryRows } from './memory-workflows.ts'
import { createSavedWorkflows, type SavedWorkflows } from './saved-workflows.ts'

export type { HistoryEntry, JobStatus } from './history.ts'

/**
 * What is remembered: finished jobs, which picture is whose, saved workflows, settings, names of prototypes. Pictures are
 * files and not in here. Asynchronous because one day it may live on another machine.
 */
export type Store = {
  /** Written once, keyed by the job's id; a second time changes nothing. */
  add(entry: HistoryEntry): Promise<void>
  get(promptId: string): Promise<HistoryEntry | undefined>
  /** Oldest first. `maxItems` alone gives the newest; with `offset`, those after the `offset` oldest (spec/comfyui.md 1.5). */
  page(maxItems?: number, offset?: number): Promise<readonly HistoryEntry[]>
  find(query: HistoryQuery): Promise<Found>
  remove(promptIds: readonly string[]): Promise<void>
  clear(): Promise<void>
  readonly outputs: Outputs
  readonly settings: Settings
  readonly names: NamesTable
  readonly workflows: SavedWorkflows
  /** Rejects when nothing can be written at present. */
  check(): Promise<void>
  close(): Promise<void>
}

/** Whose picture is whose. */
export type Outputs = {
  claim(claim: Claim): Promise<readonly string[]>
  of(promptId: string): Promise<readonly OutputFile[]>
}

export type Settings = {
  all(): Promise<Record<string, unknown>>
  /** All of them or none. */
  set(changes: Readonly<Record<string, unknown>>): Promise<void>
}

/** A text for every checkpoint that was given names, by its SHA-256; names.ts knows what the text means. */
export type NamesTable = {
  get(checkpoint: string): Promise<string | undefined>
  /** Writes what `by` makes of the text there is; nobody else changes it meanwhile. */
  change(checkpoint: string, by: (text: string | undefined) => string): Promise<string>
}

/** As many as ComfyUI remembers. */
export const historyCapacity = 10_000

/** Where a page begins and ends among `total` entries that stand oldest first. */
export function pageBounds(total: number, maxItems?: number, offset?: number): { from: number; count: number } {
  const from = offset !== undefined && offset >= 0 ? offset : maxItems !== undefined ? Math.max(0, total - maxItems) : 0
  return { from, count: maxItems === undefined ? Math.max(0, total - from) : Math.max(0, maxItems) }
}

/** All of it in memory, lost at the end of the process; the oldest entries make room beyond `capacity`. */
export function createMemoryStore(capacity = historyCapacity): Store {
  const entries = new Map<string, HistoryEntry>()
  const outputs = createMemoryOutputs(id => entries.has(id))
  const forget = (id: string) => (outputs.forget(id), entries.delete(id))
  return {
    add: async entry => {
      if (!entries.has(entry.job.promptId)) entries.set(entry.job.promptId, entry)
      for (const id of entries.keys())
        if (entries.size > capacity) forget(id)
        else break
    },
    get: async promptId => entries.get(promptId),
    page: async (maxItems, offset) => {
      const { from, count } = pageBounds(entries.size, maxItems, offset)
      return [...entries.values()].slice(from, from + count)
    },
    find: async query => search([...entries.values()], query),
    remove: async promptIds => promptIds.forEach(forget),
    clear: async () => [...entries.keys()].forEach(forget),
    outputs,
    settings: createMemorySettings(),
    names: createMemoryNames(),
    workflows: createSavedWorkflows(createMemoryRows()),
    check: async () => {},
    close: async () => {},
  }
}

function search(all: readonly HistoryEntry[], { states, workflowId, by, ascending, limit, offset = 0 }: HistoryQuery): Found {
  const wanted = all.filter(
    entry => (!states || states.includes(stateOf(entry))) && (workflowId === undefined || workflowIdOf(entry.job) === workflowId),
  )
  const key = (entry: HistoryEntry) => (by === 'duration' ? durationOf(entry) : createdAt(entry.job))
  // Of two that came in the same millisecond, the later is the newer.
  if (!ascending) wanted.reverse()
  wanted.sort((a, b) => (ascending ? 1 : -1) * (key(a) - key(b)))
  return { entries: wanted.slice(offset, offset + limit), total: wanted.length }
}

type Named = OutputFile & { readonly stem: string; readonly position: number }

function createMemoryOutputs(hasEnded: (promptId: string) => boolean): Outputs & { forget(promptId: string): void } {
  let files: Named[] = []
  return {
    claim: async claim => {
      const { promptId, node, position, type, subfolder, stem } = claim
      const before = files.filter(file => file.promptId === promptId && file.node === node)
      const given = new Map(before.map(file => [file.position, file.filename]))
      const others = files.filter(file => file.subfolder === subfolder && file.stem === stem && !hasEnded(file.promptId))
      const start = Math.max(claim.from, ...others.map(({ filename }) => counterOf(stem, filename) + 1))
      const names = namesFor(claim, given, start)
      const mine = names.map((filename, i) => ({ promptId, node, position: position + i, type, subfolder, filename, stem }))
      const isOverwritten = (file: Named) => file.subfolder === subfolder && names.includes(file.filename)
      files = [...files.filter(file => !isOverwritten(file)), ...mine]
      return names
    },
    of: async promptId =>
      files
        .filter(file => file.promptId === promptId)
        .map(({ promptId, node, type, subfolder, filename }) => ({ promptId, node, type, subfolder, filename })),
    forget: promptId => {
      files = files.filter(file => file.promptId !== promptId)
    },
  }
}

function createMemorySettings(): Settings {
  const values = new Map<string, unknown>()
  return {
    all: async () => Object.fromEntries(values),
    set: async changes => Object.entries(changes).forEach(([key, value]) => values.set(key, value)),
  }
}

function createMemoryNames(): NamesTable {
  const texts = new Map<string, string>()
  return {
    get: async checkpoint => texts.get(checkpoint),
    change: async (checkpoint, by) => {
      const text = by(texts.get(checkpoint))
      texts.set(checkpoint, text)
      return text
    },
  }
}
