/** A model asked about shortcuts from end to end: which prototypes stand for what, all of it raised, and random ones besides. */
import type { Patronus } from '../engine/patronus.ts'
import type { AttributeReader } from './attribute-reader.ts'
import { attribute, checkPictures, countOf, firstPictures, type DataSet } from './data-set.ts'
import {
  raiseEffects,
  randomRaises,
  raisesOf,
  shuffledShifts,
  usualShifts,
  type Diagnosis,
  type Raise,
  type RaiseEffect,
} from './diagnose.ts'
import { encodeIn } from './batches.ts'
import type { NoiseKind } from './regenerate.ts'
import type { Hooks } from './sampling.ts'
import { standFor } from './stand-for.ts'
import type { EditKind } from './usual.ts'

export type ExamineOptions = {
  /** Groups to raise; default: what stands for `attributes`. */
  readonly raises?: readonly Raise[]
  /** Attributes to raise; default all that vary. */
  readonly attributes?: readonly string[]
  /** Prototypes that stand for an attribute. */
  readonly top: number
  /**
   * How an attribute is brought into s: its prototypes to their `maximum` (the paper's way, default), or all of s by what is `usual`
   * with it and not without it. Groups of one's own are raised to the maximum.
   */
  readonly edit?: EditKind
  /** Random groups raised for comparison; of the usual edit each attribute gets at least one, 0 for none. */
  readonly random: number
  /** The first so many pictures are formed again; the first so many tell what stands for what (default all). */
  readonly pictures: number
  readonly latents?: number
  readonly steps: number
  readonly batch?: number
  readonly noise?: NoiseKind
  readonly seed: number
}

export type Examined = {
  readonly diagnosis: Diagnosis
  readonly random: readonly RaiseEffect[]
}

/** Asks a model about the attributes of a data set; `reader` knows nothing of the model. */
export async function examine(
  patronus: Patronus,
  data: DataSet,
  reader: AttributeReader,
  options: ExamineOptions,
  hooks: Hooks = {},
): Promise<Examined> {
  checkPictures(data, patronus.info)
  if (!data.attributes?.names.length)
    throw new Error(`${data.name} has no attributes to tell shortcuts by; give a data set with an attribute table`)
  for (const name of options.attributes ?? []) attribute(data, name)
  const { top, random, steps, batch, noise, seed } = options
  const x0 = firstPictures(data, Math.min(options.pictures, countOf(data)))
  const raises = (options.raises ?? (await standing(patronus, data, options))).map(raise =>
    amongLacking(raise, data, x0.shape[0]),
  )
  const named = raises.flatMap(({ prototypes }) => prototypes)
  const isUsual = options.edit === 'usual' && !options.raises
  const groups = isUsual
    ? shuffledShifts(raises, random, seed)
    : randomRaises(patronus.info.config.prototypes.count, top, random, named, seed)
  const found = await raiseEffects(patronus, x0, reader, [...raises, ...groups], { steps, batch, noise, seed }, hooks)
  return {
    diagnosis: { ...found, raises: found.raises.slice(0, raises.length) },
    random: found.raises.slice(raises.length),
  }
}

/** A picture that has the attribute cannot be given it: the effect is that on the others, where there are any. */
function amongLacking(raise: Raise, data: DataSet, count: number): Raise {
  if (!data.attributes?.names.includes(raise.name)) return raise
  const labels = attribute(data, raise.name)
  const among = Array.from({ length: count }, (_, i) => i).filter(i => labels[i] === 0)
  return among.length ? { ...raise, among } : raise
}

/** What stands for each attribute in this model. */
async function standing(
  patronus: Patronus,
  data: DataSet,
  { attributes, top, edit, latents = countOf(data) }: ExamineOptions,
): Promise<Raise[]> {
  const count = Math.min(latents, countOf(data))
  const s = (await encodeIn(patronus, firstPictures(data, count))).s
  // Says of an attribute that does not vary what is wrong with it.
  for (const name of attributes ?? []) standFor(s, attribute(data, name).subarray(0, count), name, top)
  const all = edit === 'usual' ? usualShifts(s, data, top) : raisesOf(s, data, top)
  const raises = attributes ? all.filter(({ name }) => attributes.includes(name)) : all
  if (raises.length === 0)
    throw new Error(`${data.name}: every attribute is the same in all ${count} pictures; give pictures with and without some`)
  return raises
}
