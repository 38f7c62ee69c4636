/** Starts the page: what nodes there are, which graph to show, the live line to the server, keys and drops. */
import { render } from 'preact'
import { tinykeys } from 'tinykeys'
import type { ObjectInfo } from '../workflows/graph.ts'
import './style/page.css'
import * as api from './api.ts'
import { createApp, type App } from './app.ts'
import { command, COMMANDS } from './commands.ts'
import { lastDraft, tabId, type Draft } from './drafts.ts'
import { messageOf } from './message-of.ts'
import { Page } from './panels/page.tsx'
import { pageTitle, type Theme } from './shell.ts'
import { connected, previewed, recalled, receive, remembered } from './state.ts'
import { openSocket } from './socket.ts'

/** Shown at a first visit: the main job, ready to run. */
const FIRST = 'edit-prototype'
/** Earlier runs whose pictures are listed at the start. */
const PAST_RUNS = 30
const THEME_SETTING = 'patronus.theme'

const tab = tabId()
applyTheme((localStorage.getItem(THEME_SETTING) as Theme | null) ?? 'system')
const app = createApp(tab)
app.show({ theme: document.documentElement.dataset.theme as Theme })
render(<Page app={app} />, document.getElementById('page') as HTMLElement)
followState(app)
bindKeys(app)
bindDrops(app)
void boot(app)

async function boot(app: App): Promise<void> {
  openSocket(tab, {
    message: message => {
      app.live(live => receive(live, message, Date.now()))
      if (message.type === 'execution_success') void recall(app, message.data.prompt_id)
    },
    preview: (node, run, picture) => app.live(live => previewed(live, node, run, picture)),
    connection: connection => app.live(live => connected(live, connection)),
    trouble: error => console.warn(error),
  })
  await document.fonts.load('13px "Inter Variable"').catch(() => undefined)
  const known = await retry(() => api.getDefinitions())
  app.learn(known.definitions, known.objectInfo as ObjectInfo)
  for (const problem of known.unread) app.say(`A node of the server could not be read: ${problem}`, 'bad')
  await app.refreshWorkflows()
  const history = api.getHistory({ count: PAST_RUNS }).catch(() => []) // a server that keeps no history is no trouble
  const draft = await lastDraft(tab)
  if (!draft || !reopen(app, draft)) await openFirst(app)
  const runs = await history
  app.live(live => remembered(live, runs))
  const { id } = app.view.save()
  const own = runs.findLast(({ workflow }) => workflow !== undefined && id !== undefined && workflow.includes(`"id":"${id}"`))
  if (own) app.live(live => recalled(live, own.outputs))
}

async function openFirst(app: App): Promise<void> {
  const shipped = app.store.get().workflows.filter(({ from }) => from === 'shipped')
  const first = shipped.find(({ name }) => name === FIRST) ?? shipped[0]
  if (first) await app.openListed(first)
}

/** Nodes whose result came from the cache showed nothing in the live messages; the finished run has what they once showed. */
async function recall(app: App, run: string): Promise<void> {
  const { nodes } = app.store.get().live
  if (!Object.values(nodes).some(({ status, output }) => status === 'cached' && !output)) return
  const [past] = await api.getHistory(run).catch(() => [])
  if (past) app.live(live => recalled(live, past.outputs))
}

function reopen(app: App, { workflow, name, isSaved }: Draft): boolean {
  try {
    const value = JSON.parse(workflow) as { nodes?: unknown[] }
    if (!value.nodes?.length) return false
    app.open(value, name, isSaved ? 'saved draft' : 'draft')
    return true
  } catch {
    return false // a draft that an older page wrote differently is no reason to stay empty
  }
}

/** The server may still be starting: asks again until it answers. */
async function retry<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (attempt === 0) app.say(messageOf(error), 'bad')
      await new Promise(resolve => setTimeout(resolve, Math.min(5000, 500 * 1.5 ** attempt)))
    }
  }
}

/** What lies outside of Preact: the canvas, the title of the tab, the colours. */
function followState(app: App): void {
  app.store.onChange((state, before) => {
    if (state.live !== before.live) app.view.redraw()
    const title = pageTitle(state)
    if (document.title !== title) document.title = title
    if (state.theme !== before.theme) {
      localStorage.setItem(THEME_SETTING, state.theme)
      applyTheme(state.theme)
      app.view.recolour()
    }
  })
  matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => app.view.recolour())
}

function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = ['dark', 'light'].includes(theme) ? theme : 'system'
}

function bindKeys(app: App): void {
  const isTyping = ({ target }: KeyboardEvent) =>
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  const isOnButton = ({ target, key, ctrlKey, metaKey }: KeyboardEvent) =>
    target instanceof HTMLButtonElement && !ctrlKey && !metaKey && (key === ' ' || key === 'Enter')
  tinykeys(
    window,
    Object.fromEntries(
      COMMANDS.filter(({ isNative }) => !isNative).flatMap(({ keys = [], everywhere, isOff, run }) =>
        keys.map(key => [
          key,
          (event: KeyboardEvent) => {
            if ((isTyping(event) && !everywhere) || isOnButton(event) || isOff?.(app)) return
            event.preventDefault()
            run(app)
          },
        ]),
      ),
    ),
  )
}

/** Files may be dropped or pasted anywhere; on the canvas they land where they fall. */
function bindDrops(app: App): void {
  const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files')
  addEventListener('dragover', event => {
    if (!hasFile(event)) return
    event.preventDefault()
    document.body.classList.add('dropping')
  })
  for (const name of ['dragleave', 'drop', 'dragend'] as const)
    addEventListener(name, event => {
      if (name !== 'dragleave' || event.relatedTarget === null) document.body.classList.remove('dropping')
    })
  addEventListener('drop', event => {
    const file = event.dataTransfer?.files[0]
    if (!file) return
    event.preventDefault()
    void app.openFile(file, { x: event.clientX, y: event.clientY })
  })
  addEventListener('paste', event => {
    if (event.target instanceof HTMLElement && /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
    if (file) void app.placePicture(file, {})
    else command('paste').run(app)
  })
}
