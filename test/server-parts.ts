import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import sharp from 'sharp'
import { WebSocket } from 'ws'
import { createSources } from '../cli/sources.ts'
import { openInception } from '../engine/inception.ts'
import { loadPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { tensor, zeros } from '../model/tensor.ts'
import { defineNode, type AnyNode, type Catalog } from '../nodes/node.ts'
import type { ServerMessage } from '../server/protocol.ts'
import { serve, type RunningServer, type ServeOptions } from '../server/serve.ts'
import { createWorker, type WorkerParts } from '../server/worker.ts'

/** A real listening server over nodes that do arithmetic, with the worker in this process. */

const number = { type: 'FLOAT', help: 'A number.', default: 0, min: -1e9, max: 1e9 } as const
const result = { value: { type: 'FLOAT', help: 'The result.' } } as const

/** How often each kind of node really ran. */
export type Counts = Record<string, number>

export function arithmetic(counts: Counts = {}): Catalog {
  const count = (type: string) => (counts[type] = (counts[type] ?? 0) + 1)
  const constant = defineNode({
    type: 'Constant',
    title: 'Constant',
    category: 'test',
    help: 'Gives a number.',
    inputs: { value: number },
    outputs: result,
    run: async ({ value }) => (count('Constant'), { value }),
  })
  const add = defineNode({
    type: 'Add',
    title: 'Add',
    category: 'test',
    help: 'Adds.',
    inputs: { a: number, b: number },
    outputs: result,
    run: async ({ a, b }) => (count('Add'), { value: a + b }),
  })
  const show = defineNode({
    type: 'Show',
    title: 'Show',
    category: 'test',
    help: 'Shows a number.',
    inputs: { value: number },
    outputs: {},
    output: true,
    run: async ({ value }) => (count('Show'), { ui: { text: [String(value)] } }),
  })
  const steps = defineNode({
    type: 'Steps',
    title: 'Steps',
    category: 'test',
    help: 'Shows a picture a step, then gives the number of steps.',
    inputs: {
      count: { type: 'INT', help: 'Steps.', default: 5, min: 1, max: 100_000 },
      wait: { type: 'INT', help: 'ms a step.', default: 0, min: 0, max: 1000 },
      size: { type: 'INT', help: 'Pixels a side.', default: 8, min: 1, max: 1024 },
    },
    outputs: result,
    run: async ({ count: steps, wait, size }, context) => {
      count('Steps')
      const random = Float32Array.from({ length: size * size * 3 }, () => Math.random())
      for (let i = 0; i < steps; i++) {
        if (wait) await new Promise(resolve => setTimeout(resolve, wait))
        const noise = random.slice()
        noise.fill((i + 1) / steps, 0, 3)
        context.progress(i + 1, steps)
        context.activations(steps - i, tensor([1, 2], [i, 0.5]))
        await context.preview(tensor([1, size, size, 3], noise))
      }
      return { value: steps }
    },
  })
  const fail = defineNode({
    type: 'Fail',
    title: 'Fail',
    category: 'test',
    help: 'Throws.',
    inputs: { value: number, how: { type: 'COMBO', help: 'What is thrown.', options: ['error', 'string', 'null'] } },
    outputs: {},
    output: true,
    run: async ({ value, how }) => {
      count('Fail')
      if (how === 'string') throw 'a plain string'
      if (how === 'null') throw null
      throw new TypeError(`${value} is not to my liking`)
    },
  })
  const load = defineNode({
    type: 'LoadImage',
    title: 'Load Image',
    category: 'test',
    help: 'Reads a picture.',
    inputs: { image: { type: 'COMBO', help: 'File.', options: [], files: 'input', upload: true } },
    outputs: { image: { type: 'IMAGE', help: 'The picture.' } },
    fingerprint: async ({ image }, { hash }) => hash('input', image ?? ''),
    run: async ({ image }, context) => (count('LoadImage'), { image: (await context.readImage(image)).image }),
  })
  const save = defineNode({
    type: 'SaveImage',
    title: 'Save Image',
    category: 'test',
    help: 'Saves a picture.',
    inputs: { images: { type: 'IMAGE', help: 'The picture.' }, prefix: { type: 'STRING', help: 'Name.', default: 'out' } },
    outputs: {},
    output: true,
    run: async ({ images, prefix }, context) => {
      count('SaveImage')
      return { ui: { images: await context.saveImages(images, { type: 'output', prefix }) } }
    },
  })
  const nodes: AnyNode[] = [constant, add, show, steps, fail, load, save]
  return new Map(nodes.map(node => [node.type, node]))
}

export type TestServer = RunningServer & {
  readonly origin: string
  readonly data: string
  readonly counts: Counts
  clean(): Promise<void>
}

/** A worker on the CPU that computes eagerly; `own` says what is different. */
export const workerParts = (own: Pick<WorkerParts, 'catalog' | 'files'> & Partial<WorkerParts>): WorkerParts => ({
  warm: false,
  sources: createSources(),
  load: file => loadPatronus(file, { device: 'tfjs-cpu' }),
  inception: file => openInception(file, 'cpu'),
  findDevice: async () => ({ device: 'cpu', report: 'a test' }),
  ...own,
})

const noPatronus = async (): Promise<Patronus> => Promise.reject(new Error('There are no checkpoints in this test'))

export async function testServer({
  catalog: other,
  ...options
}: Partial<ServeOptions> & { data?: string; catalog?: Catalog } = {}): Promise<TestServer> {
  const data = options.data ?? (await mkdtemp(path.join(os.tmpdir(), 'patronus-server-')))
  const counts: Counts = {}
  const catalog = other ?? arithmetic(counts)
  const server = await serve(
    catalog,
    ({ files, keeper }) => createWorker(workerParts({ catalog, files, keeper, load: noPatronus })),
    {
      port: 0,
      checkpoints: [path.join(data, 'checkpoints')],
      workflows: path.join(data, 'shipped'),
      editor: path.join(data, 'editor'),
      log: pino({ level: 'silent' }),
      ...options,
      data,
    },
  )
  const clean = async () => {
    await server.close()
    await rm(data, { recursive: true, force: true })
  }
  return { ...server, origin: `http://127.0.0.1:${server.port}`, data, counts, clean }
}

/** One thing a client heard: a message, or a binary frame. */
export type Heard = ServerMessage | { type: 'frame'; data: Buffer }

export type TestClient = {
  readonly id: string
  readonly socket: WebSocket
  readonly heard: Heard[]
  /** Resolves with the first thing heard from now on, or before, that fits. */
  until(fits: (heard: Heard) => boolean): Promise<Heard>
  /** Resolves when the job has ended. */
  done(promptId: string): Promise<void>
  close(): Promise<void>
}

/** Connects as a ComfyUI client does; `metadata` announces that it understands type 4 previews. */
export async function connect(
  server: { port: number },
  { id, metadata = true }: { id?: string; metadata?: boolean } = {},
): Promise<TestClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws${id ? `?clientId=${id}` : ''}`)
  const heard: Heard[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data: Buffer, isBinary) => {
    heard.push(isBinary ? { type: 'frame', data } : (JSON.parse(data.toString()) as ServerMessage))
    waiting.forEach(look => look())
  })
  const until = (fits: (heard: Heard) => boolean) =>
    new Promise<Heard>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `never heard it; heard ${heard
                .map(one => one.type)
                .join(', ')
                .slice(-600)}`,
            ),
          ),
        15_000,
      )
      const look = () => {
        const found = heard.find(fits)
        if (found) (waiting.delete(look), clearTimeout(timer), resolve(found))
      }
      waiting.add(look)
      look()
    })
  await new Promise<void>((resolve, reject) => socket.once('open', () => resolve()).once('error', reject))
  if (metadata) socket.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }))
  const first = await until(one => one.type === 'status')
  return {
    id: first.type === 'status' ? first.data.sid! : '',
    socket,
    heard,
    until,
    done: async promptId =>
      void (await until(one => one.type === 'executing' && one.data.node === null && one.data.prompt_id === promptId)),
    close: () =>
      new Promise(resolve =>
        socket.readyState === WebSocket.CLOSED ? resolve() : socket.once('close', () => resolve()).close(),
      ),
  }
}

export type Answer = { status: number; headers: Headers; body: never }

/** POST /prompt; gives the parsed answer. */
export async function submit(
  server: { origin: string },
  prompt: unknown,
  more: object = {},
): Promise<{ status: number; body: Submitted }> {
  const response = await fetch(`${server.origin}/prompt`, { method: 'POST', body: JSON.stringify({ prompt, ...more }) })
  return { status: response.status, body: (await response.json()) as Submitted }
}
export type Fault = { type: string; message: string; details: string; extra_info: Record<string, unknown> }
export type Submitted = {
  prompt_id: string
  number: number
  error: Fault
  node_errors: Record<string, { errors: Fault[]; class_type: string; dependent_outputs: string[] }>
}

export const getJson = async (server: { origin: string }, url: string) =>
  (await fetch(server.origin + url)).json() as Promise<never>

/** A random picture as PNG bytes. */
export async function pngOf(width: number, height: number): Promise<Buffer> {
  const bytes = Buffer.from(zeros([height, width, 3]).data.map(() => Math.random() * 255))
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

export function uploadForm(bytes: Uint8Array, name: string, fields: Record<string, string> = {}): FormData {
  const form = new FormData()
  form.append('image', new Blob([Uint8Array.from(bytes)]), name)
  for (const [key, value] of Object.entries(fields)) form.append(key, value)
  return form
}
