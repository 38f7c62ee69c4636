import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createSources } from '../cli/sources.ts'
import { writeCheckpoint, type Checkpoint } from '../engine/checkpoint/safetensors.ts'
import { loadPatronus } from '../engine/load.ts'
import { catalog } from '../nodes/index.ts'
import { createFiles } from '../server/files.ts'
import type { NamesFile, NameSuggestions } from '../server/protocol.ts'
import type { Runner } from '../server/runner.ts'
import { serve, type RunningServer } from '../server/serve.ts'
import { createWorker, type WorkerParts } from '../server/worker.ts'
import { trainingConfigs } from '../train/configs.ts'
import { workerParts } from './server-parts.ts'
import { tinyCheckpoint, tinyPatronus } from './tiny-model.ts'

/** Suggestions of names at a listening server: real faces, a random encoder and its untrained control. */

let data: string
let server: RunningServer
let id: string
let loads = 0

const faces = { kind: 'avatars', size: 16, train: 64, test: 200, seed: 3, bias: 0 }
/** A checkpoint that says it was trained on these pictures; on nothing, where they are undefined. */
const trainedOn = (pictures?: { kind: string; size: number }): Checkpoint => {
  const { info, ...rest } = tinyCheckpoint({ prototypes: 24 })
  if (!pictures) return { ...rest, info: { ...info, provenance: { imported: 'from PyTorch' } } }
  const { size, kind } = pictures
  const channels = kind === 'idx' ? 1 : 3
  const { model } = trainingConfigs.tiny
  const encoder = { ...model.encoder, channels: [channels, 8, 8] }
  const config = {
    ...trainingConfigs.tiny,
    data: pictures,
    model: { ...model, image: { height: size, width: size, channels }, encoder },
  }
  return { ...rest, info: { ...info, provenance: { trainingConfig: JSON.stringify(config) } } }
}

const partsOf = (files: WorkerParts['files']): WorkerParts =>
  workerParts({ catalog, files, load: file => (loads++, loadPatronus(file, { device: 'tfjs-cpu' })) })

beforeAll(async () => {
  data = await mkdtemp(path.join(os.tmpdir(), 'patronus-suggestions-'))
  const folder = path.join(data, 'checkpoints')
  await mkdir(folder)
  const write = (name: string, pictures?: Parameters<typeof trainedOn>[0]) =>
    writeCheckpoint(path.join(folder, `${name}.safetensors`), trainedOn(pictures))
  id = await write('faces', faces)
  await write('imported')
  await write('large', { ...faces, size: 32 })
  const at = (path: string) => ({ kind: 'idx', size: 16, path })
  await write('gone', at('data/no-such-set'))
  await write('outside', at(data))
  const sideways = { kind: 'folder', size: 16, path: 'data', attributes: '../../etc/passwd' }
  await write('sideways', sideways)
  await writeFile(path.join(folder, 'broken.safetensors'), 'nothing')
  server = await serve(catalog, ({ files }) => createWorker(partsOf(files)), {
    port: 0,
    data,
    checkpoints: [folder],
    workflows: path.join(data, 'none'),
    editor: data,
  })
}, 60_000)
afterAll(async () => {
  await server.close()
  await rm(data, { recursive: true, force: true })
})

type Refusal = { error: { type: string; message: string } }
const at = (checkpoint: string, what = 'suggestions') =>
  `http://127.0.0.1:${server.port}/patronus/checkpoints/${checkpoint}.safetensors/${what}`
async function ask<T = NameSuggestions>(checkpoint: string): Promise<{ status: number; body: T }> {
  const response = await fetch(at(checkpoint))
  return { status: response.status, body: (await response.json()) as T }
}

test('suggestions come with their evidence, what training taught most first; whoever asks, they are made once, and nothing is named', async () => {
  const [first, second] = await Promise.all([ask('faces'), ask('faces')])
  expect([first.status, second.body, loads]).toEqual([200, first.body, 1])
  const { suggestions, ...about } = first.body
  expect(about).toEqual({ checkpoint: id, dataSet: 'avatars', pictures: 200, threshold: 0.8 })
  expect(suggestions.length).toBeGreaterThan(1)
  for (const { auroc, control, pictures, positives, evidence } of suggestions) {
    expect(auroc).toBeGreaterThanOrEqual(0.8)
    expect([typeof control, pictures]).toEqual(['number', 200])
    expect(positives).toBeGreaterThanOrEqual(10)
    expect(evidence).toMatch(/^s is (higher|lower) in pictures with .+ An untrained encoder's best prototype reaches /)
  }
  const leads = suggestions.map(({ auroc, control }) => auroc - control!)
  expect(leads).toEqual(leads.toSorted((a, b) => b - a))
  expect(leads).not.toEqual(leads.toReversed())
  expect((await ask('faces')).body).toEqual(first.body)
  expect(loads).toBe(1)
  expect(await readdir(path.join(data, 'user'))).toEqual([])
}, 60_000)

test('one is accepted like any other name, and stays among the suggestions', async () => {
  const { suggestions } = (await ask('faces')).body
  const [{ prototype, name, evidence: note }] = suggestions
  const body = JSON.stringify({ names: { [prototype]: { name, note } } })
  const { names } = (await (await fetch(at('faces', 'names'), { method: 'PATCH', body })).json()) as NamesFile
  expect(names).toEqual({ [prototype]: { name, note } })
  expect((await ask('faces')).body.suggestions).toEqual(suggestions)
})

test.each([
  ['imported', /does not say which pictures it was trained on, as an imported checkpoint never does\./],
  ['gone', /cannot be had here: found neither data\/no-such-set\/.+; give the folder/],
  ['large', /cannot be had here: they are 32×32, the model wants 16×16\./],
  ['outside', /\S+ lies outside the folder that the server was started in/],
  ['sideways', /\.\.\/\.\.\/etc\/passwd lies outside the folder/],
])('pictures that cannot be had (%s) are a refusal that says why and what to do instead', async (checkpoint, why) => {
  const { status, body } = await ask<Refusal>(checkpoint)
  expect([status, body.error.type]).toEqual([422, 'no_data_set'])
  expect(body.error.message).toMatch(why)
  expect(body.error.message).toContain(`npx patronus names <folder>/${checkpoint}.safetensors --suggest --data-set <config>`)
})

test('an unknown checkpoint, a bad name and a spoilt file are answered as by every other route', async () => {
  for (const [checkpoint, status, type] of [
    ['nowhere', 404, 'not_found'],
    ['..%2f..%2fsecret', 400, 'bad_file_name'],
    ['broken', 422, 'bad_checkpoint'],
  ] as const) {
    const answer = await ask<Refusal>(checkpoint)
    expect([answer.status, answer.body.error.type]).toEqual([status, type])
    const like = (await (await fetch(at(checkpoint, 'names'))).json()) as Refusal
    expect(answer.body.error).toEqual(like.error)
  }
})

/** A promise, and what fulfils it. */
function signal(): { given: Promise<void>; give: () => void } {
  let give = () => {}
  const given = new Promise<void>(resolve => (give = resolve))
  return { given, give }
}

describe('beside graphs', () => {
  const job = {
    promptId: 'job',
    number: 0,
    prompt: { e: { class_type: 'EmptyGraph', inputs: {} } },
    outputs: [],
    extraData: {},
  }
  /** A worker whose suggestions are two pieces; between them it waits to be told to go on. */
  async function worker(happened: string[]): Promise<{ worker: Runner; between: Promise<void>; goOn: () => void }> {
    const files = createFiles({
      input: [],
      output: [],
      temp: [],
      user: [path.join(data, 'user')],
      checkpoints: [path.join(data, 'checkpoints')],
      workflows: [],
      datasets: [],
      artefacts: [],
      inception: [],
    })
    const [between, goOn] = [signal(), signal()]
    const patronus = await tinyPatronus()
    const made = createWorker({
      ...partsOf(files),
      load: async () => ({ ...patronus, dispose: async () => void happened.push('unloaded') }),
      sources: {
        ...createSources(),
        suggestions: async (_, name, { inTurn }) => {
          await inTurn(async () => void happened.push(`first piece of ${name}`))
          between.give()
          await goOn.given
          await inTurn(async () => void happened.push('second piece'))
          return { checkpoint: id, dataSet: 'none', pictures: 0, threshold: 0, suggestions: [] }
        },
      },
    })
    return { worker: made, between: between.given, goOn: goOn.give }
  }

  test('a graph that is asked for meanwhile runs between two pieces, and what the question uses stays loaded until its end', async () => {
    const happened: string[] = []
    const { worker: made, between, goOn } = await worker(happened)
    const found = made.suggest('faces.safetensors')
    await between
    made.free({ models: true })
    await made.run(job, () => {})
    happened.push('graph')
    goOn()
    expect((await found).suggestions).toEqual([])
    expect(happened).toEqual(['first piece of faces.safetensors', 'graph', 'second piece', 'unloaded'])
    await made.close()
  })
})
