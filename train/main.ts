import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { chooseDevice, type DeviceName } from '../engine/device.ts'
import { loadPatronus } from '../engine/load.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import type { PriorTraining, TrainingConfig, WarmUp } from './config.ts'
import { loadData, summary, type Splits } from './datasets/load.ts'
import { type DataSet, pictures } from '../analysis/data-set.ts'
import { writeWhole } from './files.ts'
import { card, checkpointOf, type Finished } from './finish.ts'
import { activationsOf, freezeEncoder, jointUntil, makeStage, startState, startWeights } from './joint.ts'
import { runLoop, Stopped, type LoopOptions } from './loop.ts'
import { isEncoder, networks, type Networks } from './networks.ts'
import { makePriorStage, priorConfigFor, standardized, startPrior } from './prior.ts'
import { withPhase } from './phases.ts'
import { jsonLog, silent, type Reporter } from './progress.ts'
import { emaDecay, planOf, rateFactor } from './schedule.ts'
import { meanSquare, sheetRows, writeSheet } from './sheet.ts'
import { principalComponents } from './principal.ts'
import { readState, type TrainingState, writeState } from './state.ts'
import { drawnPictures, writeTiles } from './tiles.ts'
import { makeWarmUpStage, startWarmUp } from './warm-up.ts'

export type RunOptions = {
  /** The run's folder: config.json, state, logs, sheets, and in the end the checkpoint and its card. */
  readonly out: string
  /** Go on with what lies there; without it a folder that holds a run is refused. */
  readonly resume?: boolean
  readonly signal?: AbortSignal
  /** Stop, saved, after this long. */
  readonly stopAfterSeconds?: number
  /** Be done with the denoiser by this time (ms since 1970); its rates fall in time for that. */
  readonly finishBy?: number
  readonly reporter?: Reporter
  /** How a person would start this run again; goes into the card. */
  readonly command: string
  readonly licence?: string
  readonly dtype?: 'F32' | 'F16'
  /** Where the steps are computed; default auto. */
  readonly device?: DeviceName
}

export type TrainedRun = { readonly checkpoint: string; readonly card: string; readonly id: string }

/** Settings that decide nothing about the steps already made, so that a resumed run may change them. */
const changeable = ['description', 'steps', 'freezeEncoderAt', 'every', 'prior', 'rates', 'levels', 'ema', 'warmUp'] as const

/** Encoder and denoiser, then the prior, then the checkpoint. Throws `Stopped`, with all saved, when asked to stop. */
export async function runTraining(config: TrainingConfig, options: RunOptions): Promise<TrainedRun> {
  const { out, signal, reporter = silent } = options
  await prepareFolder(config, options)
  const data = await loadData(config.data, { signal, reporter })
  reporter.say(summary(data.train))
  const { device, reason } = await chooseDevice(options.device ?? 'auto')
  reporter.say(`on ${device} (${reason})`)
  const eyes = networks(config.model, { device })
  try {
    const joint = await trainDenoiser(config, data, eyes, options)
    // The encoder may have been frozen with its s already known; averaged weights are what is shipped, so s is theirs.
    const s = await trainingActivations(join(out, 's.bin'), joint, data, eyes, options)
    const prior = config.prior ? await trainPrior({ ...config, prior: config.prior }, s, options) : undefined
    const finished: Finished = {
      config,
      weights: joint.moving.average,
      prior,
      s,
      steps: joint.step,
      frozenAt: joint.frozen ? (config.freezeEncoderAt ?? undefined) : undefined,
      seconds: joint.seconds,
      phases: joint.phases,
      startedFrom: joint.startedFrom,
      warmUp: joint.warmUp,
      command: options.command,
      licence: options.licence ?? 'MIT',
    }
    return await writeResult(finished, data.train, options)
  } finally {
    await eyes.dispose()
  }
}

async function writeResult(run: Finished, seen: DataSet, { out, dtype = 'F32' }: RunOptions): Promise<TrainedRun> {
  const checkpoint = join(out, `${run.config.name}.safetensors`),
    cardPath = join(out, `${run.config.name}.md`)
  const id = await writeCheckpoint(checkpoint, checkpointOf(run), { dtype })
  await writeWhole(cardPath, [card(run)])
  const patronus = await loadPatronus(checkpoint)
  try {
    // Pictures of idx sets are somebody else's; faces are drawn by us, and a folder is the user's own.
    const shown = run.config.data.kind === 'idx' ? await drawnPictures(patronus, run.s, seen.name) : seen
    await writeTiles(patronus, shown, join(out, `${run.config.name}.tiles.png`))
  } finally {
    await patronus.dispose()
  }
  return { checkpoint, card: cardPath, id }
}

async function prepareFolder(config: TrainingConfig, { out, resume }: RunOptions): Promise<void> {
  await mkdir(out, { recursive: true })
  const path = join(out, 'config.json'),
    there = await readFile(path, 'utf8').catch(() => undefined)
  if (there !== undefined) {
    if (!resume) throw new Error(`${out} already holds a training run; resume it, or give another folder`)
    const fixed = (value: object) =>
      Object.fromEntries(Object.entries(value).filter(([key]) => !changeable.includes(key as never)))
    // By way of JSON, where a setting that is undefined is one that is not there.
    if (!isDeepStrictEqual(fixed(JSON.parse(there) as object), fixed(JSON.parse(JSON.stringify(config)) as object)))
      throw new Error(`${out} holds a run of another config; only ${changeable.join(', ')} may change when a run is resumed`)
  }
  await writeWhole(path, [`${JSON.stringify(config, null, 2)}\n`])
}

/** What both kinds of training hand to the loop. */
function common(
  path: string,
  log: ReturnType<typeof jsonLog>,
  config: TrainingConfig,
  { signal, stopAfterSeconds, reporter = silent }: RunOptions,
) {
  const stopAt = stopAfterSeconds === undefined ? undefined : Date.now() + stopAfterSeconds * 1000
  return { path, log, reporter, every: config.every, decay: config.rates.decay, signal, stopAt }
}

async function trainDenoiser(config: TrainingConfig, data: Splits, eyes: Networks, options: RunOptions): Promise<TrainingState> {
  const { out, finishBy, reporter = silent } = options,
    path = join(out, 'state.safetensors'),
    log = jsonLog(join(out, 'log.jsonl'))
  let state = await readState(path)
  if (!state) {
    const { weights, startedFrom } = await startWeights(config, data.train, eyes)
    const warm = config.warmUp ? await warmUp({ ...config, warmUp: config.warmUp }, data, weights, options) : undefined
    state = startState(config, new Map([...weights, ...(warm?.weights ?? [])]), startedFrom, warm?.did)
    await writeState(path, state)
  }
  // Another number of steps, or more time for a run that an earlier `finishBy` cut short.
  else if (state.plan.asked !== config.steps || (finishBy !== undefined && state.plan.steps < config.steps))
    state = { ...state, plan: planOf(config) }
  const { device } = await chooseDevice(options.device ?? 'auto')
  const { batch, rates, levels } = config
  if (state.step < state.plan.steps) {
    const moving = config.freezeEncoderAt === 0 ? { ...rates, encoder: 0 } : rates
    const phase = { from: state.step, command: options.command, device, batch, rates: moving, ...(levels && { levels }) }
    state = { ...state, phases: withPhase(state.phases, phase) }
  }
  await log.rewind(state.step)
  reporter.say(state.step ? `going on from step ${state.step}` : 'starting')
  const loop: LoopOptions = {
    ...common(path, log, config, options),
    finishBy,
    until: plan => plan.steps,
    knobs: (step, plan) => {
      const factor = rateFactor(config.rates, plan, step)
      return {
        ema: emaDecay(config.ema, step),
        rates: { encoder: factor * config.rates.encoder, unet: factor * config.rates.unet },
      }
    },
    sheet: sheetMaker(config, data, eyes, out, reporter),
  }
  if (!state.frozen && state.step < jointUntil(config, state.plan)) {
    const stage = await makeStage(config, data.train, state.moving, { device: options.device })
    state = await runLoop(state, stage, { ...loop, until: plan => jointUntil(config, plan) }).finally(() => stage.dispose())
  }
  if (state.step >= state.plan.steps) return state
  if (!state.frozen) {
    state = freezeEncoder(state)
    await writeState(path, state)
  }
  const s = await trainingActivations(join(out, 's.bin'), state, data, eyes, options)
  const stage = await makeStage(config, data.train, state.moving, { s, device: options.device })
  return runLoop(state, stage, loop).finally(() => stage.dispose())
}

/** Encoder and prototypes after the warm-up, and what it took. */
async function warmUp(
  config: TrainingConfig & { warmUp: WarmUp },
  { train }: Splits,
  weights: Weights,
  options: RunOptions,
): Promise<{ weights: Weights; did: NonNullable<TrainingState['warmUp']> }> {
  const { out, reporter = silent, device } = options,
    path = join(out, 'warm-up.safetensors'),
    log = jsonLog(join(out, 'warm-up.jsonl'))
  const { batch, steps, rates, components, images, ema } = config.warmUp,
    fresh = startWarmUp(config, weights)
  const found = await readState(path),
    start = found ? { ...found, plan: found.plan.asked === steps ? found.plan : fresh.plan } : fresh
  await log.rewind(start.step)
  reporter.say(`warm-up of encoder and prototypes: first the ${components} principal components of ${images} pictures`)
  const principal = await principalComponents(train, { count: components, images, seed: config.seed }, { device })
  const stage = await makeWarmUpStage(config, train, principal, start.moving, { device })
  const state = await runLoop(start, stage, {
    ...common(path, log, config, options),
    every: { ...config.every, sheet: Infinity },
    until: plan => plan.steps,
    knobs: (step, plan) => {
      const factor = rateFactor(config.rates, plan, step)
      return { ema: emaDecay(ema, step), rates: { encoder: factor * rates.encoder, decoder: factor * rates.decoder } }
    },
  }).finally(() => stage.dispose())
  const learnt = new Map([...state.moving.average].filter(([name]) => isEncoder(name)))
  return { weights: learnt, did: { steps: state.step, batch, seconds: state.seconds } }
}

/** s of every training image by the averaged encoder; kept in a file, so that a resumed run does not compute it again. */
async function trainingActivations(
  path: string,
  state: TrainingState,
  { train }: Splits,
  eyes: Networks,
  { signal, reporter = silent }: RunOptions,
): Promise<Tensor> {
  const m = state.moving.weights.get('proactBlock.prototype_vectors')!.shape[0],
    count = train.images.length / train.shape.reduce((a, b) => a * b)
  const stamp = Float32Array.of(state.frozen ? -1 : state.step)
  const file = await readFile(path).catch(() => undefined)
  if (file?.length === 4 * (count * m + 1)) {
    const values = new Float32Array(new Uint8Array(file).buffer)
    if (values[0] === stamp[0]) return { shape: [count, m], data: values.subarray(1) }
  }
  const s = await activationsOf(eyes, state.moving.average, train, signal, line => reporter.say(line))
  await writeWhole(path, [new Uint8Array(stamp.buffer), new Uint8Array(s.data.buffer, s.data.byteOffset, s.data.byteLength)])
  return s
}

function sheetMaker(config: TrainingConfig, { test }: Splits, eyes: Networks, out: string, reporter: Reporter) {
  const indices = Array.from({ length: 8 }, (_, i) => i)
  const images: Tensor = { shape: [8, ...test.shape], data: pictures(test, indices) }
  return async (state: TrainingState) => {
    const rows = await sheetRows(eyes, config.model, state.moving.average, images, 25)
    await writeSheet(join(out, 'sheets', `${String(state.step).padStart(6, '0')}.png`), rows)
    reporter.say(`sheet at step ${state.step}: reconstruction error ${meanSquare(rows[0], rows[1]).toFixed(4)}`)
  }
}

async function trainPrior(
  config: TrainingConfig & { prior: PriorTraining },
  s: Tensor,
  options: RunOptions,
): Promise<NonNullable<Finished['prior']>> {
  const { out, reporter = silent } = options,
    path = join(out, 'prior.safetensors'),
    log = jsonLog(join(out, 'prior.jsonl'))
  const fresh = startPrior(config),
    found = await readState(path)
  // The prior's network may change when a run is resumed; then it begins anew.
  const start = found && sameShapes(found.moving.weights, fresh.moving.weights) ? found : fresh
  await log.rewind(start.step)
  const network = priorConfigFor(config.prior, s)
  reporter.say('the prior over s')
  const stage = await makePriorStage(config, start.moving, standardized(s, network), { device: options.device })
  const { rate, warmup, ema } = config.prior
  const state = await runLoop(start, stage, {
    ...common(path, log, config, options),
    every: { ...config.every, log: config.every.log * 4, sheet: Infinity },
    until: plan => plan.steps,
    knobs: (step, plan) => ({
      ema: emaDecay(ema, step),
      rates: { prior: rate * rateFactor({ ...config.rates, warmup }, plan, step) },
    }),
  }).finally(() => stage.dispose())
  return { config: network, weights: state.moving.average, steps: state.step, seconds: state.seconds }
}

const sameShapes = (a: Weights, b: Weights): boolean =>
  a.size === b.size && [...a].every(([name, { shape }]) => shape.join() === b.get(name)?.shape.join())

export { Stopped }
