/** Earlier versions of a workflow that is saved on the server: which there are, and one of them on the canvas. */
import * as v from 'valibot'
import { json } from './api.ts'
import type { App } from './app.ts'
import { messageOf } from './message-of.ts'
import type { State } from './shell.ts'

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const Versions = v.array(
  v.object({ number: Whole, saved: v.number(), size: Whole, nodes: v.nullable(Whole), current: v.boolean() }),
)
export type Version = v.InferOutput<typeof Versions>[number]

const address = (name: string) => `./patronus/saved/${encodeURIComponent(`${name}.json`)}/versions`

/** Newest first. */
export const getVersions = async (name: string): Promise<Version[]> => v.parse(Versions, await json(address(name)))

/** Whether the graph on the canvas bears the name of one that is saved on the server. */
export const isSavedHere = ({ workflows, document }: State): boolean =>
  workflows.some(({ from, name }) => from === 'user' && name === document.name)

/** Puts a version on the canvas as one step of undo. An earlier one is an unsaved change: nothing is written before Save. */
export async function openVersion(app: App, name: string, { number, saved, current }: Version): Promise<void> {
  try {
    app.open(await json(`${address(name)}/${number}`), name, current ? 'server' : 'version')
    if (current) return
    const undo = { label: 'Undo', run: () => app.tracker.undo() }
    app.say(`${name} as it was on ${moment(saved)}. Not saved yet: Save makes it the newest version.`, 'info', undo)
  } catch (error) {
    app.say(messageOf(error), 'bad')
  }
}

/** A point in time to the second: a page that saves by itself makes several versions a minute. */
export const moment = (ms: number): string => new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** What one version holds, in a few words. */
export function contentOf({ nodes, size }: Pick<Version, 'nodes' | 'size'>): string {
  if (nodes === null) return `no graph, ${size} bytes`
  return nodes === 1 ? '1 node' : `${nodes} nodes`
}
