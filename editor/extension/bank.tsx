/** The prototypes of the loaded checkpoint, in a tab of ComfyUI's page. */
import { useEffect, useState } from 'preact/hooks'
import * as v from 'valibot'
import type { CheckpointInfo } from '../../engine/patronus.ts'
import { getCheckpoint, hasTiles, tileUrl } from '../api.ts'
import { fixed } from '../format.ts'
import { messageOf } from '../message-of.ts'
import { createStore, type Store } from '../store.ts'

type Values = readonly (number | undefined)[]

/** What the bank is told from outside: which checkpoint is loaded, and s of the picture and of the running x̂0. */
export type Told = { readonly checkpoint?: string; readonly onImage?: Values; readonly live?: Values }
export const createTold = (): Store<Told> => createStore<Told>({})

const Files = v.array(v.object({ name: v.string(), error: v.optional(v.string()) }))
const listCheckpoints = async (): Promise<string[]> => {
  const response = await fetch('./patronus/checkpoints')
  return v.parse(Files, await response.json()).flatMap(({ name, error }) => (error === undefined ? [name] : []))
}

type Loaded = { info: CheckpointInfo; tiles: boolean } | { problem: string }

export function Bank({ told, onEdit }: { told: Store<Told>; onEdit: (prototype: number) => boolean }) {
  const [{ checkpoint: inGraph, onImage, live }, hear] = useState(told.get())
  useEffect(() => told.onChange(hear), [told])
  const [files, setFiles] = useState<readonly string[]>([])
  const [chosen, choose] = useState<string>()
  const [loaded, setLoaded] = useState<Loaded>()
  const [query, setQuery] = useState('')
  const [note, setNote] = useState('')
  useEffect(() => void listCheckpoints().then(setFiles, error => setLoaded({ problem: String(error) })), [])
  const checkpoint = chosen ?? inGraph ?? files[0]
  useEffect(() => {
    let stale = false
    if (checkpoint !== undefined) void load(checkpoint).then(found => stale || setLoaded(found))
    return () => void (stale = true)
  }, [checkpoint])

  const edit = (index: number) =>
    setNote(onEdit(index) ? `Prototype ${index} is set in the Edit Prototype node.` : 'Add an Edit Prototype node to edit it.')
  return (
    <div class="patronus">
      <header class="patronus-head">
        <select aria-label="Checkpoint" value={checkpoint} onChange={event => choose(event.currentTarget.value)}>
          {[...new Set([...(checkpoint === undefined ? [] : [checkpoint]), ...files])].map(name => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <input
          type="search"
          aria-label="Find a prototype"
          placeholder="Find by name or number"
          value={query}
          onInput={event => setQuery(event.currentTarget.value)}
        />
      </header>
      <p class="patronus-note" role="status">
        {loaded && 'problem' in loaded ? loaded.problem : note}
      </p>
      {loaded && 'info' in loaded && checkpoint !== undefined && (
        <Rows {...loaded} checkpoint={checkpoint} values={live ?? onImage} query={query} onEdit={edit} />
      )}
    </div>
  )
}

async function load(checkpoint: string): Promise<Loaded> {
  try {
    const [{ info }, tiles] = await Promise.all([getCheckpoint(checkpoint), hasTiles(checkpoint)])
    return { info, tiles }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

type RowsProps = {
  readonly info: CheckpointInfo
  readonly tiles: boolean
  readonly checkpoint: string
  /** s by prototype: of the running x̂0 while there is one, else of the picture. */
  readonly values?: Values
  readonly query: string
  readonly onEdit: (index: number) => void
}

function Rows({ info, tiles, checkpoint, values, query, onEdit }: RowsProps) {
  const wanted = query.trim().toLowerCase()
  const rows = Array.from({ length: info.config.prototypes.count }, (_, index) => ({
    index,
    name: info.names?.[String(index)],
    value: values?.[index],
    most: info.ranges?.[index]?.max,
  })).filter(({ index, name }) => !wanted || String(index) === wanted || name?.toLowerCase().includes(wanted))
  if (values) rows.sort((a, b) => (b.value ?? 0) - (a.value ?? 0) || a.index - b.index)
  return (
    <ol class="patronus-bank">
      {rows.map(({ index, name, value, most = 1 }) => (
        <li key={index} data-prototype={index}>
          <button title={`Put prototype ${index} into the Edit Prototype node`} onClick={() => onEdit(index)}>
            {tiles && <img src={tileUrl(checkpoint, index)} alt="" width="40" height="40" loading="lazy" />}
            <span class="patronus-name">
              {index} {name}
            </span>
            <meter min={0} max={most > 0 ? most : 1} value={value ?? 0} />
            <span class="patronus-value">{value === undefined ? '–' : fixed(value)}</span>
          </button>
        </li>
      ))}
    </ol>
  )
}
