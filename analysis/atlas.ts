/**
 * Every prototype of a checkpoint drawn by the distribution-aligned method (spec sections 6.1 and 6.2): raised on the same few
 * pictures, which are formed again and searched for the patch where it is strongest. Made in batches of several prototypes;
 * finished parts are kept, so that a cancelled run goes on.
 */
import type { CheckpointInfo, Patronus } from '../engine/patronus.ts'
import { random, type Random } from '../model/noise.ts'
import { exactBox, receptiveField, type Box } from '../model/receptive-field.ts'
import { concat, dims, repeat, rows, type Tensor } from '../model/tensor.ts'
import type { Artefacts } from './artefacts.ts'
import { meanOf } from './metrics/statistics.ts'
import { partnerOf, type Counterparts } from './counterpart.ts'
import { decodePart, encodePart, type AtlasPart } from './atlas-part.ts'
import { checkActivations, checkPrototype, column, maximumOf, withColumn } from './ranges.ts'
import { sampleMany, slices, startFrom } from './regenerate.ts'
import type { Hooks, Level } from './sampling.ts'
import { stepped, usualWith } from './usual.ts'

export type AtlasEntry = {
  readonly prototype: number
  /** What s_J was set to; with a usual step, the mean over pictures of what it became. */
  readonly value: number
  /** s_J of every picture as it was, and formed again with the prototype raised. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** Cell of the encoder's grid where the prototype is strongest in each formed picture, and all that the cell sees. */
  readonly cells: readonly number[]
  readonly boxes: readonly Box[]
  /**
   * Mean cosine between the encoder's features at those cells, over all pairs of pictures: 1 when all show the same thing.
   * `null` for a single picture.
   */
  readonly consistency: number | null
}

export type Atlas = {
  readonly entries: readonly AtlasEntry[]
  /** The formed pictures, entry by entry: [entries·faces,H,W,C], about -1 … 1, rounded to 8 bits. */
  readonly images: Tensor
  /** The pictures formed again with nothing raised, [faces,H,W,C]: what inversion and sampling alone do. */
  readonly rebuilt: Tensor
  readonly faces: number
  readonly steps: number
  /**
   * The same consistency for groups of as many patches, each of another prototype, drawn at random: what nothing in common looks
   * like. `high` is the 95 % quantile over groups.
   */
  readonly shuffled: { readonly mean: number; readonly high: number } | null
}

export type AtlasOptions = {
  readonly steps: number
  /** Default: all. */
  readonly prototypes?: readonly number[]
  /** Pictures a network call. */
  readonly batch?: number
  /**
   * s [N,m] of usual pictures: a prototype is then raised by moving all of s to what is usual where it is strong, instead of setting
   * it alone to its maximum (the paper's way).
   */
  readonly usual?: Tensor
  /** Seed of fresh noise, in which s decides alone; without it pictures are formed from their own (the paper's way). */
  readonly fresh?: number
  /**
   * Prototypes are those of another model of the same pictures: raised is what goes with them here. That is the usual step between
   * the same pictures, or with the paper's way the partner's maximum; cells are those of the partner.
   */
  readonly counterpart?: Counterparts
}

/** x0 [E,H,W,C] -1 … 1, the pictures every prototype is raised on. `onStep` is awaited after every network call; throwing stops. */
export async function makeAtlas(
  patronus: Patronus,
  x0: Tensor,
  { steps, prototypes, batch = 32, usual, fresh, counterpart }: AtlasOptions,
  artefacts: Artefacts,
  { onStep }: Hooks = {},
): Promise<Atlas> {
  const faces = dims(x0, 'E H W C').E
  const count = counterpart?.theirs.shape[1] ?? patronus.info.config.prototypes.count
  const wanted = prototypes ?? Array.from({ length: count }, (_, j) => j)
  if (faces === 0 || wanted.length === 0)
    throw new Error(
      `atlas: wanted at least one picture and one prototype, got none; ${faces === 0 ? 'check the folder or the selection that the pictures come from' : 'name prototypes, or none for all'}`,
    )
  const stands = standsFor(patronus.info, wanted, counterpart)
  if (usual) checkActivations(usual, patronus.info)
  const each = Math.max(1, Math.floor(batch / faces))
  // The first group is of nothing raised.
  const groups = [[], ...slices(wanted.length, each).map(([from, to]) => wanted.slice(from, to))]
  const calls = (group: readonly number[]) => Math.ceil((Math.max(1, group.length) * faces) / batch) * steps
  const inversion = fresh === undefined ? calls([]) : 0
  const total = inversion + groups.reduce((sum, group) => sum + calls(group), 0)
  const { s } = await patronus.encode(x0)
  const also = [...(usual ? [usual] : []), ...(counterpart ? [counterpart.theirs, counterpart.own] : [])]
  const key = `atlas-${await digest([patronus.id, x0.shape, steps, also.map(({ shape }) => shape), fresh, 'v2'], x0, ...also)}`
  let noise: Level | undefined
  let done = inversion
  const parts: AtlasPart[] = []
  for (const group of groups) {
    const name = `${key}/${group.join('-') || 'rebuilt'}.part`
    const kept = await artefacts.read(name)
    const known = kept && decodePart(kept)
    if (known) parts.push(known)
    else {
      noise ??= await startFrom(patronus, x0, s, { steps, batch, fresh }, { onStep: (at, _, x) => onStep?.(at, total, x) })
      const how = { steps, batch, usual, counterpart, stands }
      const part = await drawGroup(patronus, noise, s, group, how, (at, x) => onStep?.(done + at, total, x))
      await artefacts.write(name, encodePart(part))
      parts.push(part)
    }
    done += calls(group)
  }
  await onStep?.(total, total, rows(parts[parts.length - 1].images, 0, faces))
  return assemble(patronus, parts, s, { faces, steps, stands })
}

/** Own prototype of each that is wanted: itself, or the partner of another model's. Throws for one that does not exist. */
function standsFor(info: CheckpointInfo, wanted: readonly number[], counterpart?: Counterparts): ReadonlyMap<number, number> {
  return new Map(wanted.map(j => [j, counterpart ? partnerOf(j, counterpart).prototype : checkPrototype(j, info)]))
}

/** A few prototypes raised on all pictures in one go. */
async function drawGroup(
  patronus: Patronus,
  { x, t }: Level,
  s: Tensor,
  group: readonly number[],
  { usual, counterpart, stands, ...options }: Raising & { steps: number; batch: number },
  onStep: (done: number, x0: Tensor) => Promise<void> | void,
): Promise<AtlasPart> {
  const raises = group.map(j => raisedAs(patronus, s, j, { usual, counterpart, stands }))
  const raised = group.length === 0 ? s : concat(raises.map(({ edited }) => edited))
  const noise = { x: repeat(x, Math.max(1, group.length)), t }
  const images = eightBits(await sampleMany(patronus, noise, raised, options, { onStep: (at, _, x0) => onStep(at, x0) }))
  const found = await patronus.encode(images)
  const z = await patronus.features(images)
  const faces = s.shape[0]
  const own = (table: Tensor, i: number) => column(rows(table, i * faces, (i + 1) * faces), stands.get(group[i])!)
  const cells = group.map((_, i) => own(found.argmin, i))
  return {
    prototypes: group,
    values: raises.map(({ value }) => value),
    after: group.map((_, i) => own(found.s, i)),
    cells,
    z: group.length === 0 ? { shape: [0, z.shape[3]], data: new Float32Array() } : featuresAt(z, cells),
    images,
  }
}

type Raising = Pick<AtlasOptions, 'usual' | 'counterpart'> & { readonly stands: ReadonlyMap<number, number> }

/** s [E,m] with one prototype raised, and to what. */
function raisedAs(
  { info }: Patronus,
  s: Tensor,
  j: number,
  { usual, counterpart, stands }: Raising,
): { edited: Tensor; value: number } {
  const own = stands.get(j)!
  if (usual) {
    const edited = stepped(s, usualWith(usual, own, counterpart && column(counterpart.theirs, j)))
    return { edited, value: meanOf(column(edited, own))! }
  }
  const value = maximumOf(own, info, s)
  return { edited: withColumn(s, own, value), value }
}

/** As a PNG would hold it: an atlas that was read back is the same as one just made. */
const eightBits = ({ shape, data }: Tensor): Tensor => ({
  shape,
  data: data.map(value => Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5) / 127.5 - 1),
})

/** z [P·E,n,n,D] at a cell [P][E] of each picture: [P·E,D]. */
const featuresAt = (z: Tensor, cells: readonly (readonly number[])[]): Tensor =>
  concat(cells.flatMap((at, i) => at.map((cell, e) => featureAt(z, i * at.length + e, cell))))

/** z [B,n,n,D] of picture b at a cell: [1,D]. */
function featureAt(z: Tensor, b: number, cell: number): Tensor {
  const [, n, , D] = z.shape
  const from = (b * n * n + cell) * D
  return { shape: [1, D], data: z.data.slice(from, from + D) }
}

function assemble(
  { info: { config } }: Patronus,
  [nothing, ...parts]: readonly AtlasPart[],
  s: Tensor,
  { faces, steps, stands }: { faces: number; steps: number; stands: ReadonlyMap<number, number> },
): Atlas {
  const field = receptiveField(config.encoder, config.image.height)
  const z = concat(parts.map(part => part.z))
  const entries = parts.flatMap(({ prototypes, values, after, cells }) =>
    prototypes.map((prototype, i) => ({
      prototype,
      value: values[i],
      before: column(s, stands.get(prototype)!),
      after: after[i],
      cells: cells[i],
      boxes: cells[i].map(cell => exactBox(field, cell, config.image.height)),
    })),
  )
  const scored = entries.map((entry, i) => ({
    ...entry,
    consistency: meanCosine(rows(z, i * faces, (i + 1) * faces)),
  }))
  const images = concat(parts.map(part => part.images))
  return { entries: scored, images, rebuilt: nothing.images, faces, steps, shuffled: shuffledCosine(z, faces) }
}

/** Mean cosine over all pairs of rows of [N,D]; rows of zeros agree with nothing. `null` for fewer than two. */
export function meanCosine(z: Tensor): number | null {
  const { N, D } = dims(z, 'N D')
  if (N < 2) return null
  // Σ over pairs = (|Σ u|² - Σ |u|²) / 2 with unit vectors u.
  const sum = new Float64Array(D)
  let squares = 0
  for (let i = 0; i < N; i++) {
    const row = z.data.subarray(i * D, (i + 1) * D)
    const length = Math.sqrt(row.reduce((all, value) => all + value * value, 0))
    if (length === 0) continue
    squares++
    for (let d = 0; d < D; d++) sum[d] += row[d] / length
  }
  return (sum.reduce((all, value) => all + value * value, 0) - squares) / (N * (N - 1))
}

/** Consistency of groups that have nothing in common: picture e of each group shows another, random prototype. */
function shuffledCosine(z: Tensor, faces: number, groups = 500): Atlas['shuffled'] {
  const prototypes = z.shape[0] / faces
  if (faces < 2 || prototypes < 2) return null
  const stream = random(1)
  const means = Array.from({ length: groups }, () => {
    const chosen = drawDistinct(prototypes, Math.min(prototypes, faces), stream)
    return meanCosine(concat(chosen.map((p, e) => rows(z, p * faces + e, p * faces + e + 1))))!
  }).sort((a, b) => a - b)
  return { mean: means.reduce((sum, value) => sum + value, 0) / groups, high: means[Math.floor(0.95 * groups)] }
}

function drawDistinct(from: number, count: number, stream: Random): number[] {
  const left = Array.from({ length: from }, (_, i) => i)
  return Array.from({ length: count }, () => left.splice(stream.int(left.length), 1)[0])
}

/** A name for all that decides an atlas. */
async function digest(facts: readonly unknown[], ...tensors: readonly Tensor[]): Promise<string> {
  const bytes = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const all = new Blob([JSON.stringify(facts), ...tensors.map(tensor => bytes(tensor).slice())])
  const hash = await crypto.subtle.digest('SHA-256', await all.arrayBuffer())
  return Array.from(new Uint8Array(hash).subarray(0, 8), byte => byte.toString(16).padStart(2, '0')).join('')
}
