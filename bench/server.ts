import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { loadPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { ddim } from '../model/ddim.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { map } from '../model/tensor.ts'
import type { DeviceReport } from '../server/protocol.ts'
import { startServer } from '../server/main.ts'
import { trainingConfigs } from '../train/configs.ts'
import { parseWorkflow, toPrompt, type ObjectInfo, type Prompt } from '../workflows/graph.ts'
import { workerScript } from '../cli/worker-script.ts'
import { connect, durationOf, executed, firstFrame, type Client } from './client.ts'
import { compared, median, type BenchOptions, type Measure } from './measure.ts'

const checkpoint = 'avatars64.safetensors'
const K = 30
const sampler = '5'

/** The real server with its worker process, and a page's connection to it; the shipped checkpoint, or one of its size with random weights. */
export async function serverBench(house: string, options: BenchOptions): Promise<Measure[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-bench-'))
  const shipped = path.join(house, 'checkpoints', checkpoint)
  const file = existsSync(shipped) ? shipped : path.join(folder, 'checkpoints', checkpoint)
  if (file !== shipped) {
    options.say('avatars64 is not shipped here; a network of its size with random weights stands in')
    await writeRandom(file)
  }
  const server = await startServer({
    worker: workerScript,
    port: 0,
    data: path.join(folder, 'data'),
    checkpoints: [path.dirname(file)],
    device: 'cpu',
    log: 'silent',
    warm: checkpoint,
  })
  const origin = new URL(server.url).origin
  const patronus = await loadPatronus(file, { device: 'cpu' })
  try {
    await warm(origin)
    const client = await connect(origin)
    const info = (await (await fetch(`${origin}/object_info`)).json()) as ObjectInfo
    const edit = toPrompt(
      parseWorkflow(JSON.parse(await readFile(path.join(house, 'workflows/edit-prototype.json'), 'utf8'))),
      info,
    ).prompt
    const steps = await stepMeasures(client, patronus, options)
    const measures = [
      ...steps,
      await previewMeasure(client, steps[0].value, options),
      ...(await sliderMeasures(client, edit, options)),
    ]
    client.close()
    return measures
  } finally {
    await patronus.dispose()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeRandom(file: string): Promise<void> {
  const { model } = trainingConfigs.avatars64
  await mkdir(path.dirname(file), { recursive: true })
  const info = {
    name: 'avatars64',
    description: 'Random weights.',
    config: model,
    dataset: 'none',
    provenance: { seed: 1 },
    licence: 'MIT',
  }
  await writeCheckpoint(file, { info, weights: initialWeights(model, 1) })
}

async function warm(origin: string): Promise<void> {
  for (;;) {
    const { warm } = (await (await fetch(`${origin}/patronus/device`)).json()) as DeviceReport
    if (warm?.state === 'failed') throw new Error(`bench: ${warm.checkpoint} cannot be loaded: ${warm.error}`)
    if (warm?.state === 'ready') return
    await sleep(100)
  }
}

let seeds = 0

/** Noise and picture are new every time, so that nothing but the loaded checkpoint is known beforehand. */
function graph(watchEvery: number): Prompt {
  const seed = ++seeds
  return {
    1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint } },
    2: { class_type: 'LoadImage', inputs: { image: `avatar-0${1 + (seed % 6)}.png` } },
    3: { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['2', 0] } },
    4: { class_type: 'PatronusGaussianNoise', inputs: { model: ['1', 0], seed, count: 1 } },
    [sampler]: {
      class_type: 'PatronusSampleDDIM',
      inputs: { model: ['1', 0], activations: ['3', 0], noise: ['4', 0], steps: K, eta: 0, seed: 0, watch_every: watchEvery },
    },
    6: { class_type: 'PreviewImage', inputs: { images: [sampler, 0] } },
  }
}

/** The sampler and the network, and nothing else; with `watch`, s of every x̂0 too. */
async function bareLoop(patronus: Patronus, watch: boolean): Promise<number> {
  const { image, prototypes, timesteps: T } = patronus.info.config
  const s = map(gaussian([1, prototypes.count], ++seeds), value => Math.abs(value) / 10)
  const noise = gaussian([1, image.height, image.width, image.channels], seeds)
  const denoise = patronus.denoiser(s)
  const began = performance.now()
  for await (const { x0 } of ddim(denoise, noise, linearSchedule(T), timesteps(T, K))) if (watch) await patronus.encode(x0)
  return (performance.now() - began) / K
}

/** A step through server, worker, previews and socket, against the same step in a bare loop. */
async function stepMeasures(client: Client, patronus: Patronus, { rounds, say }: BenchOptions): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const watch of [false, true]) {
    const what = watch ? 'previews and live s' : 'previews'
    say(`${K} DDIM steps through the server with ${what}, and in a bare loop, in turns`)
    const served = async () => {
      const seen = await client.run(graph(watch ? 1 : 0))
      const frames = seen.heard.filter(({ message }) => message.type === 'frame').length
      if (frames < K) say(`  only ${frames} of ${K} previews arrived; the rest were skipped because this client was behind`)
      return durationOf(sampler, seen) / K
    }
    const times = await compared(served, () => bareLoop(patronus, watch), rounds)
    const against = watch ? 'bare loop that encodes x̂0' : 'bare loop'
    measures.push({
      name: `DDIM step through the server, ${what}`,
      value: times.a,
      unit: 'ms',
      against,
      againstValue: times.b,
      ratio: times.ratio,
      limit: 1.1,
    })
  }
  return measures
}

async function previewMeasure(client: Client, step: number, { rounds, say }: BenchOptions): Promise<Measure> {
  say('from Run to the first preview')
  const times: number[] = []
  for (let i = 0; i < Math.ceil(rounds / 3); i++) times.push(firstFrame(await client.run(graph(1))))
  return { name: 'first preview after Run, beyond one step', value: Math.max(0, median(times) - step), unit: 'ms', limit: 150 }
}

/** The shipped edit workflow: run, then moved slider, then nothing moved. */
async function sliderMeasures(client: Client, workflow: Prompt, { say }: BenchOptions): Promise<Measure[]> {
  say('edit-prototype: run, then run again after its slider moved')
  const idOf = (type: string) => Object.keys(workflow).find(id => workflow[id].class_type === type)!
  const withInputs = (prompt: Prompt, id: string, inputs: Record<string, unknown>): Prompt => ({
    ...prompt,
    [id]: { ...prompt[id], inputs: { ...prompt[id].inputs, ...inputs } },
  })
  const short = [idOf('PatronusInvertDDIM'), idOf('PatronusSampleDDIM')].reduce(
    (prompt, id) => withInputs(prompt, id, { steps: 4 }),
    workflow,
  )
  const at = (value: number) => withInputs(short, idOf('PatronusEditPrototype'), { mode: 'set', value })
  const all = Object.keys(workflow).length
  await client.run(at(0.1))
  const moved = executed(await client.run(at(0.2)))
  const unmoved = executed(await client.run(at(0.2)))
  const dependent = dependents(short, idOf('PatronusEditPrototype'))
  if (moved.some(id => !dependent.has(id)))
    throw new Error(`bench: moving the slider ran ${moved.join(', ')}, but only ${[...dependent].join(', ')} depend on it`)
  return [
    {
      name: 'nodes executed after one slider moved',
      value: moved.length,
      unit: 'nodes',
      against: 'the whole graph',
      againstValue: all,
      ratio: moved.length / all,
      limit: dependent.size / all,
    },
    { name: 'nodes executed when nothing changed', value: unmoved.length, unit: 'nodes', limit: 0 },
  ]
}

/** A node and all that read from it, directly or not. */
function dependents(prompt: Prompt, start: string): Set<string> {
  const found = new Set([start])
  for (let before = 0; before < found.size;) {
    before = found.size
    for (const [id, { inputs }] of Object.entries(prompt))
      if (Object.values(inputs).some(value => Array.isArray(value) && found.has(String(value[0])))) found.add(id)
  }
  return found
}
