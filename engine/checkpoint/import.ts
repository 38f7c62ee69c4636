import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { PriorConfig } from '../../model/config.ts'
import type { Tensor } from '../../model/tensor.ts'
import type { CheckpointInfo } from '../patronus.ts'
import { fileError, withFile } from './file.ts'
import { sniff } from './format.ts'
import { inferModel, inferPrior } from './infer.ts'
import { checkInfo } from './info.ts'
import { locate, locatePrior } from './locate.ts'
import { fromTorch } from './names.ts'
import { crossCheck, officialModelConfig, readOfficialConfig, type OfficialConfig, type Unwritten } from './official-config.ts'
import type { Checkpoint } from './safetensors.ts'
import { checkWeights, priorPrefix } from './shapes.ts'
import { readStateDict } from './torch.ts'

export type ImportOptions = Unwritten & {
  /** Weights of the prior over s (best_model.pt); without it the run's own is taken where it lies, false takes none. */
  readonly prior?: string | false
  /** Name of the data set, where config.pickle is missing. */
  readonly dataset?: string
}

const readOfficialPickle = (path: string): Promise<OfficialConfig> =>
  withFile(path, async file => {
    await sniff(file, 'pickle')
    const bytes = new Uint8Array(Math.min(file.size, 1024 * 1024))
    await file.read(bytes, 0)
    return readOfficialConfig(path, bytes)
  })

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash).catch(error => {
    throw fileError(path, error)
  })
  return hash.digest('hex')
}

type Model = {
  readonly config: CheckpointInfo['config']
  readonly weights: Map<string, Tensor>
  readonly official?: OfficialConfig
}

async function importModel(weightsPath: string, configPath: string | undefined, options: ImportOptions): Promise<Model> {
  const state = await withFile(weightsPath, file => readStateDict(file))
  const inferred = inferModel(weightsPath, state)
  const official = configPath === undefined ? undefined : await readOfficialPickle(configPath)
  if (official) crossCheck(weightsPath, official, inferred)
  const config = officialModelConfig(weightsPath, inferred, official, options)
  return { config, weights: fromTorch(weightsPath, state), official }
}

async function importPrior(path: string | undefined): Promise<{ prior?: PriorConfig; weights: Map<string, Tensor> }> {
  if (path === undefined) return { weights: new Map() }
  const state = await withFile(path, file => readStateDict(file))
  return { prior: inferPrior(path, state), weights: fromTorch(path, state, priorPrefix) }
}

/** Paths are not stored: a checkpoint that is passed on should not tell about the machine it was imported on. */
async function provenance(files: Readonly<Record<string, string | undefined>>): Promise<CheckpointInfo['provenance']> {
  const entries: [string, string][] = [['imported', 'from the authors’ PyTorch files (github.com/nina-weng/patronus)']]
  for (const [role, path] of Object.entries(files))
    if (path !== undefined)
      entries.push([role, `${basename(dirname(resolve(path)))}/${basename(path)}`], [`${role}Sha256`, await sha256(path)])
  return Object.fromEntries(entries)
}

/**
 * Imports an official checkpoint without Python: a folder in the authors' layout (spec section 4), or a ckpt.tar. Takes the
 * newest version_N, its config.pickle, and the prior trained on that run. Every weight is checked against the configuration.
 * The id is a hash over the source files and what was made of them. Raises CheckpointError.
 */
export async function importOfficial(path: string, options: ImportOptions = {}): Promise<Checkpoint> {
  const files = await locate(path)
  const { config, weights, official } = await importModel(files.weights, files.config, options)
  const dataset = official?.ds_name ?? options.dataset ?? 'unknown'
  const priorPath = options.prior === undefined ? await locatePrior(resolve(files.weights), dataset) : options.prior || undefined
  const { prior, weights: priorWeights } = await importPrior(priorPath)
  const info = checkInfo(files.weights, {
    name: dataset === 'unknown' ? basename(files.weights) : dataset,
    description: `Official Patronus checkpoint for ${dataset}${prior ? ' with its prior over s' : ''}, imported from PyTorch.`,
    config,
    ...(prior && { prior }),
    dataset,
    provenance: await provenance({ weights: files.weights, config: files.config, prior: priorPath }),
    licence: 'unknown: the authors’ repository has no licence',
  } satisfies CheckpointInfo)
  const all = new Map([...weights, ...priorWeights])
  checkWeights(files.weights, info, all)
  return { id: createHash('sha256').update(JSON.stringify(info)).digest('hex'), info, weights: all }
}
