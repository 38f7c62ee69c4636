/** The part of the state that is about the page itself: what is open, what is selected, what the graph holds. */
import type { Definitions } from './ports.ts'
import type { AtlasView } from './atlas.ts'
import type { SuggestionsView } from './suggestions.ts'
import { nothingYet, type Live } from './state.ts'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { PrototypeNames } from '../server/protocol.ts'

export type Value = string | number | boolean
/** A node of the graph as panels see it: a copy, refreshed after every gesture. */
export type GraphNode = {
  readonly id: string
  readonly type: string
  readonly title: string
  readonly mode: number
  readonly values: Readonly<Record<string, Value>>
  /** Where the link into an input comes from, by input. */
  readonly links: Readonly<Record<string, { readonly node: string; readonly slot: number }>>
}
export type Graph = { readonly nodes: readonly GraphNode[]; readonly selection: readonly string[] }

export type Tab = 'prototypes' | 'node' | 'results' | 'data' | 'problems'
export type Theme = 'system' | 'dark' | 'light'
export type Point = { readonly x: number; readonly y: number }

/** What a link that was dropped on nothing wants: a node with an input (or output) that fits. */
export type Pending = { readonly node: string; readonly slot: number; readonly side: 'input' | 'output'; readonly type: string }
export type MenuItem =
  | {
      readonly label: string
      readonly keys?: string
      readonly run: () => void
      readonly disabled?: boolean
      readonly danger?: boolean
      readonly image?: string
      readonly checked?: boolean
    }
  | 'line'

export type Menu = {
  readonly at: Point
  readonly title?: string
  readonly items: readonly MenuItem[]
  readonly filter?: boolean
  readonly width?: number
}
/** A field of a node being typed into, over the canvas; the rectangle is in page pixels. */
export type Typing = {
  readonly at: Point
  readonly width: number
  readonly height: number
  readonly scale: number
  readonly value: string
  readonly multiline: boolean
  readonly numeric: boolean
  readonly label: string
  readonly placeholder: string
  readonly commit: (text: string) => void
}
export type Toast = {
  readonly id: number
  readonly text: string
  readonly tone: 'info' | 'good' | 'bad'
  readonly action?: { readonly label: string; readonly run: () => void }
}
export type Listed = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly from: 'shipped' | 'user'
}

export type Bank =
  | {
      readonly checkpoint: string
      /** `names`: those that people gave, else the checkpoint's own. */
      readonly info: CheckpointInfo
      /** What people said here about its prototypes, with notes. */
      readonly names: PrototypeNames
      readonly hasTiles: boolean
      /** Its prototypes drawn; read when somebody first looks. */
      readonly atlas: AtlasView
      /** Names that its data set suggests; asked for when somebody wants them. */
      readonly suggestions?: SuggestionsView
    }
  | { readonly checkpoint: string; readonly error: string }
  | { readonly checkpoint: string; readonly loading: true }

export type State = {
  readonly live: Live
  readonly definitions: Definitions
  readonly graph: Graph
  readonly document: { readonly name: string; readonly dirty: boolean; readonly canUndo: boolean; readonly canRedo: boolean }
  readonly workflows: readonly Listed[]
  readonly bank?: Bank
  readonly theme: Theme
  readonly tab: Tab
  readonly panelOpen: boolean
  /** Run by itself when the graph changed. */
  readonly auto: boolean
  readonly zoom: number
  readonly palette?: { readonly at: Point; readonly pending?: Pending }
  readonly menu?: Menu
  readonly typing?: Typing
  readonly dialog?: 'shortcuts' | 'workflows' | { readonly result: number } | { readonly versions: string }
  readonly toasts: readonly Toast[]
}

export const initialState: State = {
  live: nothingYet,
  definitions: new Map(),
  graph: { nodes: [], selection: [] },
  document: { name: 'untitled', dirty: false, canUndo: false, canRedo: false },
  workflows: [],
  theme: 'system',
  tab: 'prototypes',
  panelOpen: true,
  auto: false,
  zoom: 1,
  toasts: [],
}

export const selectedNode = (state: State): GraphNode | undefined =>
  state.graph.nodes.find(node => node.id === state.graph.selection[0])

/** The title of the browser tab: progress first, for it is read from far away. */
export function pageTitle({ live, document }: State): string {
  const name = `${document.dirty ? '• ' : ''}${document.name} – Patronus Nodes`
  if (!live.run) return name
  const progress = live.run.node === undefined ? undefined : live.nodes[live.run.node]?.progress
  return progress ? `${Math.round((100 * progress.value) / Math.max(1, progress.max))}% ${name}` : `… ${name}`
}
