/** What panels, commands and the canvas may do: the verbs of the page, over one store and one graph. */
import { parseWorkflow, type ObjectInfo, type Workflow } from '../workflows/graph.ts'
import * as api from './api.ts'
import { createAutoRun } from './auto-run.ts'
import { EDITS_FIELD, editNode, loadedCheckpoint, SINGLE, takesEdits } from './bank.ts'
import { createGraphView, type GraphView } from './canvas/graph-view.ts'
import { fieldOverlays } from './canvas/overlays.ts'
import { check, type Check } from './checks.ts'
import { createAutosave } from './drafts.ts'
import { clearEdits, writeEdit } from './edits.ts'
import { baseName, download, pickFile, readFile, readGraph } from './files.ts'
import { fitWorkflow } from './fit-workflow.ts'
import { menuFor } from './menus.ts'
import { messageOf } from './message-of.ts'
import type { Definitions } from './ports.ts'
import type { PrototypeNames } from '../server/protocol.ts'
import { initialState, type Listed, type Point, type State, type Toast, type Value } from './shell.ts'
import { cancelling, checked, cleared, type Live } from './state.ts'
import { createStore, type Store } from './store.ts'
import { run } from './runs.ts'
import { createTracker, type Tracker } from './tracker.ts'

export type App = {
  readonly store: Store<State>
  readonly view: GraphView
  readonly tracker: Tracker
  /** The element that holds the canvas. */
  readonly ground: HTMLElement
  show(change: Partial<State>): void
  live(change: (live: Live) => Live): void
  say(text: string, tone?: Toast['tone'], action?: Toast['action']): void
  /** Changes the graph by `change` and makes it one step of undo. */
  edit(change: () => void): void
  setField(node: string, field: string, value: Value, isFinal?: boolean): void
  /** A slider of the prototype bank moved; undefined takes the edit back. */
  setPrototype(index: number, value: number | undefined, isFinal?: boolean): void
  clearPrototypes(): void
  /** Adds a node that the sliders can write to, with no edit in it. */
  addEditNode(): void
  learn(definitions: Definitions, info: ObjectInfo): void
  open(value: unknown, name: string, from?: 'file' | 'server' | 'version' | 'draft' | 'saved draft'): void
  openListed(listed: Pick<Listed, 'name' | 'from' | 'title'>): Promise<void>
  openFile(file: File, at?: Point): Promise<void>
  pickAndOpen(): Promise<void>
  blank(): void
  save(name?: string): Promise<void>
  download(): void
  /** Uploads a picture and puts it on a node that takes one: `node`, else the one under `at`, else a new one there. */
  placePicture(file: File, where: { node?: string; at?: Point }): Promise<void>
  run(): Promise<void>
  cancel(): Promise<void>
  refreshWorkflows(): Promise<void>
}

export function createApp(tab: string): App {
  const store = createStore<State>(initialState)
  const ground = Object.assign(document.createElement('div'), { className: 'ground' })
  const element = document.createElement('canvas')
  element.setAttribute('aria-label', 'Node graph. The Node tab of the side panel shows the same fields as a form.')
  ground.append(element)
  document.body.append(ground) // measured and coloured before the page takes it in

  let info: ObjectInfo = {}
  const autosave = createAutosave(tab)
  const soon = createSoon()

  const show = (change: Partial<State>) => store.update(state => ({ ...state, ...change }))
  const live = (change: (live: Live) => Live) => store.update(state => ({ ...state, live: change(state.live) }))
  const overlays = fieldOverlays(store, () => app)
  const view = createGraphView(element, {
    view: id => {
      const { nodes, problems } = store.get().live
      const warning = problems.find(problem => problem.node === id && problem.from === 'check')?.message
      return warning ? { ...nodes[id], warning } : nodes[id]
    },
    imageUrl: api.viewUrl,
    gesture: () => app.tracker.commit(),
    changing: () => soon('graph', () => show({ graph: view.graph() })),
    grew: () => soon('grew', () => app.tracker.absorb()),
    selected: () => show({ graph: view.graph() }),
    zoomed: zoom => soon('zoom', () => show({ zoom })),
    menu: target => show({ menu: menuFor(app, target) }),
    palette: (at, pending) => show({ palette: { at, pending } }),
    opened: () => show({ tab: 'node', panelOpen: true }),
    ...overlays,
  })
  const load = (workflow: Workflow) => view.load(fitWorkflow(workflow, info, store.get().definitions))
  const look = (): Check => check(parseWorkflow(view.save()), info)
  const tracker = createTracker(view, store, load, (workflow, name, isSaved) => {
    autosave(name, workflow, isSaved)
    soon(
      'check',
      () => {
        const { prompt, problems } = look()
        live(now => checked(now, problems))
        if (!problems.length) autoRun.changed(JSON.stringify(prompt))
      },
      120,
    )
    void readBank(app)
  })

  const autoRun = createAutoRun(
    store,
    () => void app.run(),
    () => void app.cancel(),
  )

  const app: App = {
    store,
    view,
    tracker,
    ground,
    show,
    live,
    say(text, tone = 'info', action) {
      const id = Date.now() + Math.random()
      store.update(state => ({ ...state, toasts: [...state.toasts.slice(-3), { id, text, tone, action }] }))
      setTimeout(
        () => store.update(state => ({ ...state, toasts: state.toasts.filter(toast => toast.id !== id) })),
        action ? 9000 : tone === 'bad' ? 8000 : 4000,
      )
    },
    edit(change) {
      change()
      tracker.commit()
    },
    setField(node, field, value, isFinal = true) {
      view.setValue(node, field, value)
      if (isFinal) tracker.commit()
      else show({ graph: view.graph() })
    },
    setPrototype(index, value, isFinal = true) {
      const node = editNode(store.get().graph, store.get().definitions)
      if (!node) return
      // The node's own single edit comes first on the server; taking the edit back takes that one back, too.
      if (value === undefined && node.values[SINGLE.prototype] === index) view.setValue(node.id, SINGLE.mode, SINGLE.off)
      app.setField(node.id, EDITS_FIELD, writeEdit(String(node.values[EDITS_FIELD] ?? ''), index, value), isFinal)
    },
    clearPrototypes() {
      const node = editNode(store.get().graph, store.get().definitions)
      if (!node) return
      if (SINGLE.mode in node.values) view.setValue(node.id, SINGLE.mode, SINGLE.off)
      app.setField(node.id, EDITS_FIELD, clearEdits(String(node.values[EDITS_FIELD] ?? '')))
    },
    addEditNode() {
      const { definitions } = store.get()
      const type = [...definitions.values()].find(takesEdits)?.type
      if (type === undefined) return
      app.edit(() => {
        const id = view.add(type, view.middle())
        if (id !== undefined) view.setValue(id, SINGLE.mode, SINGLE.off)
      })
    },
    learn(definitions, objectInfo) {
      info = objectInfo
      show({ definitions })
      view.register(definitions)
    },
    open(value, name, from = 'file') {
      const workflow = readGraph(value, info)
      const before = store.get()
      try {
        load(workflow)
      } catch (error) {
        load(tracker.workflow())
        throw error
      }
      live(cleared)
      view.fit()
      const isSaved = from !== 'draft' && from !== 'version'
      if (from === 'file' || from === 'version' || before.graph.nodes.length) tracker.opened(name, isSaved)
      else tracker.reset(name, isSaved)
      if (from !== 'version' && before.document.dirty && before.graph.nodes.length)
        app.say(`Opened ${name}. Your unsaved graph is one undo away.`, 'info', { label: 'Undo', run: () => tracker.undo() })
    },
    async openListed({ name, from, title }) {
      await attempt(app, async () => app.open(await api.getWorkflow({ name, from }), title, 'server'))
    },
    async openFile(file, at) {
      await attempt(app, async () => {
        const opened = await readFile(file, info)
        if (opened.kind === 'workflow') app.open(opened.workflow, baseName(file.name))
        else await app.placePicture(file, { at })
      })
    },
    async pickAndOpen() {
      const file = await pickFile('.json,.png,application/json,image/png')
      if (file) await app.openFile(file)
    },
    blank() {
      app.open({ nodes: [], links: [], version: 0.4 }, 'untitled', 'server')
    },
    async save(name = store.get().document.name) {
      await attempt(app, async () => {
        await api.saveWorkflow(name, view.save())
        tracker.saved(name)
        app.say(`Saved as ${name}`, 'good')
        await app.refreshWorkflows()
      })
    },
    download() {
      const { name } = store.get().document
      download(`${name}.json`, JSON.stringify(view.save(), null, 2))
    },
    placePicture: (file, where) => attempt(app, () => placePicture(app, file, where)),
    run: () => attempt(app, () => run(app, look, autoRun)),
    async cancel() {
      const { run } = store.get().live
      live(cancelling)
      await attempt(app, async () => void (await api.interrupt(run?.id)))
    },
    async refreshWorkflows() {
      await attempt(app, async () => show({ workflows: await api.listWorkflows() }))
    },
  }
  return app
}

/** Does `work`; what goes wrong is told, not thrown. */
async function attempt(app: App, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    app.say(messageOf(error), 'bad')
  }
}

/** One timer a name: the last call within `ms` is the one that happens; without `ms`, before the next frame. */
function createSoon(): (name: string, work: () => void, ms?: number) => void {
  const waiting = new Map<string, ReturnType<typeof setTimeout>>()
  return (name, work, ms = 0) => {
    clearTimeout(waiting.get(name))
    waiting.set(
      name,
      setTimeout(() => {
        waiting.delete(name)
        work()
      }, ms),
    )
  }
}

async function placePicture(app: App, file: File, { node, at }: { node?: string; at?: Point }): Promise<void> {
  if (!file.type.startsWith('image/')) throw new Error(`${file.name} is not a picture.`)
  const name = await api.upload(file)
  const { definitions, graph } = app.store.get()
  const uploadPort = (type: string) =>
    definitions.get(type)?.inputs.find(port => port.field?.kind === 'choice' && port.field.upload)
  const isTarget = (id: string | undefined) => graph.nodes.find(node => node.id === id && uploadPort(node.type))
  const under = at && app.view.nodeAt(at)
  const target = isTarget(node) ?? isTarget(under) ?? isTarget(graph.selection[0])
  const type = target?.type ?? [...definitions.keys()].find(uploadPort)
  const port = type === undefined ? undefined : uploadPort(type)
  if (!type || !port) throw new Error('This server has no node that loads a picture.')
  app.edit(() => {
    const id = target?.id ?? app.view.add(type, at ?? app.view.middle())
    if (id !== undefined) app.view.setValue(id, port.name, name)
  })
  app.say(`${name} is on ${target?.title ?? definitions.get(type)?.title}`, 'good')
}

/** Reads the checkpoint that the graph loads, once per name. */
async function readBank(app: App): Promise<void> {
  const { graph, definitions, bank } = app.store.get()
  const checkpoint = loadedCheckpoint(graph, definitions)
  if (checkpoint === bank?.checkpoint) return
  if (checkpoint === undefined) return app.show({ bank: undefined })
  app.show({ bank: { checkpoint, loading: true } })
  const next = await api.getCheckpoint(checkpoint).then(
    async ({ info, hasAtlas }) => {
      const [names, hasTiles] = [await namesOf(app, checkpoint), await api.hasTiles(checkpoint)]
      return { checkpoint, info, names, hasTiles, atlas: hasAtlas ? ('unread' as const) : ('none' as const) }
    },
    (error: unknown) => ({ checkpoint, error: messageOf(error) }),
  )
  if (app.store.get().bank?.checkpoint === checkpoint) app.show({ bank: next })
}

/** A file of names that cannot be read must not hide the bank. */
const namesOf = (app: App, checkpoint: string): Promise<PrototypeNames> =>
  api.getNames(checkpoint).then(
    ({ names }) => names,
    (error: unknown) => {
      app.say(messageOf(error), 'bad')
      return {}
    },
  )
