import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'

/** The house as a visitor finds it: the real server in a process of its own, and a browser at its door. */
export type House = {
  readonly url: string
  readonly browser: Browser
  /** A folder for files that the test saves. */
  readonly folder: string
  close(): Promise<void>
}

const root = path.join(__dirname, '../..')
const chrome = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Why the browser tests cannot run here; undefined when they can. */
export const missing = (): string | undefined =>
  !existsSync(chrome)
    ? `no Chromium at ${chrome} (set CHROMIUM)`
    : !existsSync(path.join(root, 'dist/editor/index.html')) || !existsSync(path.join(root, 'dist/cli/main.js'))
      ? 'dist/ is missing; run npm run build'
      : undefined

/** `checkpoints`: a folder to serve in place of the shipped ones; `more`: further options of `patronus serve`. */
export async function openHouse({
  checkpoints,
  more = [],
}: { checkpoints?: string; more?: readonly string[] } = {}): Promise<House> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-browser-'))
  const args = ['cli/patronus.mjs', 'serve', '--port', '0', '--data', path.join(folder, 'data'), '--device', 'cpu', ...more]
  if (checkpoints !== undefined) args.push('--checkpoints', checkpoints)
  const server = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const url = await addressOf(server)
  const browser = await chromium.launch({
    executablePath: chrome,
    args: ['--no-sandbox', '--disable-gpu', '--disable-accelerated-2d-canvas'],
  })
  return {
    url,
    browser,
    folder,
    async close() {
      await browser.close()
      const stopped = new Promise(resolve => server.once('exit', resolve))
      server.kill('SIGTERM')
      await stopped
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      const url = /http:\/\/\S+/.exec(said)?.[0]
      if (url) resolve(url)
    }
    server.stdout?.on('data', hear)
    server.stderr?.on('data', hear)
    server.once('exit', code => reject(new Error(`the server ended with ${code}:\n${said}`)))
  })
}

/** What litegraph knows, read from its canvas: the test clicks where a person would, and only looks here for where that is. */
const GRAPH = `document.querySelector('canvas').data`

/** Middle of a field of the first node of a type, in page pixels. */
export const fieldAt = (page: Page, type: string, field: string): Promise<{ x: number; y: number }> =>
  page.evaluate(`(() => {
    const canvas = ${GRAPH}
    const node = canvas.graph.nodes.find(node => node.type === ${JSON.stringify(type)})
    const widget = node.widgets.find(widget => widget.name === ${JSON.stringify(field)})
    const box = canvas.canvas.getBoundingClientRect()
    const [x, y] = canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] / 2, node.pos[1] + widget.last_y + 12])
    return { x: box.left + x, y: box.top + y }
  })()`)

/** The graph as it would be saved. */
export type Saved = {
  nodes: {
    id: number
    type: string
    pos: number[]
    mode: number
    widgets_values?: unknown[]
    inputs: { name: string; link: number | null }[]
  }[]
  links: unknown[][]
}
export const graphOf = (page: Page): Promise<Saved> => page.evaluate(`${GRAPH}.graph.serialize({ sortNodes: true })`)

/**
 * Watches the lower part of a node's body, where its picture is, for as long as `until` says false; gives the number of different
 * pictures seen, by their pixels on the screen.
 */
export const watchPictures = (page: Page, type: string, until: string): Promise<number> =>
  page.evaluate(`(async () => {
    const canvas = ${GRAPH}
    const node = canvas.graph.nodes.find(node => node.type === ${JSON.stringify(type)})
    const seen = new Set()
    while (!(${until})) {
      const last = node.widgets.at(-1)
      const top = node.pos[1] + last.last_y + 40
      const ratio = devicePixelRatio
      const [left, up] = canvas.ds.convertOffsetToCanvas([node.pos[0] + 20, top])
      const [right, down] = canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] - 20, node.pos[1] + node.size[1] - 16])
      const { data } = canvas.ctx.getImageData(left * ratio, up * ratio, (right - left) * ratio, (down - up) * ratio)
      let hash = 0
      for (let i = 0; i < data.length; i += 4) hash = (hash * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 2]) | 0
      seen.add(hash)
      await new Promise(resolve => setTimeout(resolve, 60))
    }
    return seen.size
  })()`)

/** Waits until `expression` holds in the page. By asking again and again: the page's own policy forbids to leave code there. */
export async function until(page: Page, expression: string, timeout = 60_000): Promise<void> {
  const end = Date.now() + timeout
  while (!(await page.evaluate(expression))) {
    if (Date.now() > end) throw new Error(`still not so after ${timeout} ms: ${expression}`)
    await new Promise(resolve => setTimeout(resolve, 40))
  }
}

/** Lets a file fall on the canvas, as the operating system would. */
export const dropFile = (page: Page, name: string, bytes: Buffer): Promise<void> =>
  page.evaluate(`(() => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(bytes.toString('base64'))}), letter => letter.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}, { type: 'image/png' }))
    const at = { bubbles: true, cancelable: true, dataTransfer, clientX: 400, clientY: 300 }
    const canvas = document.querySelector('canvas')
    canvas.dispatchEvent(new DragEvent('dragover', at))
    canvas.dispatchEvent(new DragEvent('drop', at))
  })()`)
