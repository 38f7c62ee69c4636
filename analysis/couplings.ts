/**
 * Shortcuts without labels: each prototype is raised, and every other one is asked whether it answers elsewhere in the picture.
 * What is raised at the hair has no business at the mouth. Couplings that a clean model of the same pictures has as well are in
 * the pictures; the rest is suspicious.
 */
import type { CheckpointInfo, Patronus } from '../engine/patronus.ts'
import { activationOf } from '../model/activation.ts'
import { receptiveField, type ReceptiveField } from '../model/receptive-field.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import type { Atlas } from './atlas.ts'
import { partnerOf, type Counterparts } from './counterpart.ts'
import { shiftOf, type Shift } from './diagnose.ts'
import { column } from './ranges.ts'

/** How the prototypes of a reading encoder answer to one raised prototype, outside the box of the raised one. */
export type Answers = {
  readonly raised: number
  /** Change of s_k outside, in standard deviations of s_k over usual pictures: [faces,m]. */
  readonly changes: Tensor
  /** Cell where s_k changed most on average, one an entry of m. */
  readonly places: readonly number[]
}

export type Place = { readonly x: number; readonly y: number }

export type Coupling = {
  /** Prototype of the model asked about, and the one of the reading encoder that answers. */
  readonly raised: number
  readonly answers: number
  /** Mean answer in standard deviations of what is usual, with its interval over pictures. */
  readonly answer: Shift
  /** The prototype of the clean model that is most like the raised one, how alike (correlation), and how the clean model answers. */
  readonly clean?: { readonly prototype: number; readonly alike: number; readonly answer: number }
  /** The part of `answer` that the clean model does not have on the same pictures, 0 when that answers as strongly. */
  readonly excess: number
  /** End of the interval of `excess` that is nearer to 0: couplings are sorted by its size, so that few pictures do not win by luck. */
  readonly sure: number
  /** Middle of the patch that was raised and of the patch that answers, in pixels, over pictures. */
  readonly from: Place
  readonly to: Place
}

/**
 * Reads an atlas with an encoder: of its own model, or of another over pictures of the same size and the same patches. `raised` is the
 * atlas whose boxes are left out, when this one shows what a clean model makes of the same: both are then read at the same places.
 */
export async function readAnswers(atlas: Atlas, reader: Patronus, raised: Pick<Atlas, 'entries'> = atlas): Promise<Answers[]> {
  const { info } = reader
  const field = fieldOf(reader)
  checkGrid(atlas, field, info)
  const usual = await maps(reader, atlas.rebuilt)
  const spread = info.ranges?.map(({ std }) => std)
  const found: Answers[] = []
  for (const [i, { prototype }] of atlas.entries.entries()) {
    const { cells } = raised.entries[i]
    const seen = await maps(reader, rows(atlas.images, i * atlas.faces, (i + 1) * atlas.faces))
    found.push({ raised: prototype, ...changesOutside(usual, seen, cells, field, spread) })
  }
  return found
}

/** Cells mean the same places only where pictures and patches are the same. */
function checkGrid({ rebuilt, entries }: Atlas, { n }: ReceptiveField, { name, config: { image } }: CheckpointInfo): void {
  const wanted = [image.height, image.width, image.channels]
  const beyond = entries.some(({ cells }) => cells.some(cell => cell >= n * n))
  if (rebuilt.shape.slice(1).join() !== wanted.join() || beyond)
    throw new Error(
      `"${name}" reads pictures of ${wanted.join('×')} in ${n}×${n} patches, the atlas is of ${rebuilt.shape.slice(1).join('×')}; couplings want a control with the same pictures and patches`,
    )
}

const fieldOf = ({ info: { config } }: Patronus): ReceptiveField => receptiveField(config.encoder, config.image.height)

/** s of every cell, [B,n,n,m]. */
async function maps(patronus: Patronus, images: Tensor): Promise<Tensor> {
  const distances = await patronus.distances(images)
  return { shape: distances.shape, data: distances.data.map(d => activationOf(d, patronus.info.config.prototypes.epsilon)) }
}

/** Cells that see no pixel of what `cell` sees. */
function outside({ n, jump, size }: ReceptiveField, cell: number): number[] {
  const [row, at] = [Math.floor(cell / n), cell % n]
  const far = (a: number, b: number) => Math.abs(a - b) * jump >= size
  return Array.from({ length: n * n }, (_, c) => c).filter(c => far(Math.floor(c / n), row) || far(c % n, at))
}

function changesOutside(
  { shape: [faces, n, , m], data: before }: Tensor,
  { data: after }: Tensor,
  cells: readonly number[],
  field: ReceptiveField,
  spread: readonly number[] | undefined,
): Pick<Answers, 'changes' | 'places'> {
  const changes = new Float32Array(faces * m)
  const sums = new Float64Array(n * n * m)
  for (let e = 0; e < faces; e++) {
    const [topBefore, topAfter] = [new Float32Array(m), new Float32Array(m)]
    for (const cell of outside(field, cells[e])) {
      const from = (e * n * n + cell) * m
      for (let k = 0; k < m; k++) {
        const [b, a] = [before[from + k], after[from + k]]
        topBefore[k] = Math.max(topBefore[k], b)
        topAfter[k] = Math.max(topAfter[k], a)
        sums[cell * m + k] += a - b
      }
    }
    for (let k = 0; k < m; k++) changes[e * m + k] = (topAfter[k] - topBefore[k]) / Math.max(spread?.[k] ?? 1, 1e-6)
  }
  return {
    changes: { shape: [faces, m], data: changes },
    places: Array.from({ length: m }, (_, k) => placeOf(sums, n * n, m, k)),
  }
}

/** Cell with the largest |Σ change| of prototype k. */
function placeOf(sums: Float64Array, cells: number, m: number, k: number): number {
  let best = 0
  for (let c = 1; c < cells; c++) if (Math.abs(sums[c * m + k]) > Math.abs(sums[best * m + k])) best = c
  return best
}

export type CleanModel = {
  /** To what goes with the same prototypes, on the same pictures, read at the same places. */
  readonly answers: readonly Answers[]
  readonly counterparts: Counterparts
}

/**
 * The couplings of a model, the most suspicious first: at most one for each answering prototype and raised prototype. `answers` are
 * read by the clean model's encoder where there is one, else by the model's own. What the clean model has of an answer in the same
 * direction is subtracted picture by picture, so that what a face does in both is no reason for doubt. Those whose interval holds 0
 * are left out.
 */
export function couplings(
  atlas: Atlas,
  answers: readonly Answers[],
  reader: Patronus,
  { seed, clean }: { seed: number; clean?: CleanModel },
): Coupling[] {
  const field = fieldOf(reader)
  const found = answers.flatMap(({ raised, changes, places }, i) => {
    const alike = clean && partnerOf(raised, clean.counterparts)
    const theirs = clean?.answers.find(other => other.raised === raised)
    return places.flatMap((cell, k): Coupling[] => {
      const values = column(changes, k)
      if (!clean && k === raised) return []
      const answer = shiftOf(values, { seed, resamples })
      if (!answer.interval || (answer.interval.low <= 0 && answer.interval.high >= 0)) return []
      const known = theirs && column(theirs.changes, k)
      return [
        {
          raised,
          answers: k,
          answer,
          ...(alike && known && { clean: { ...alike, answer: mean(known) } }),
          ...excessOf(values, known, seed),
          from: middle(atlas.entries[i].cells, field),
          to: middle([cell], field),
        },
      ]
    })
  })
  return found.sort((a, b) => Math.abs(b.sure) - Math.abs(a.sure) || Math.abs(b.excess) - Math.abs(a.excess))
}

const resamples = 500

/** What of an answer, one number a picture, that of the clean model in the same direction does not explain. */
export function excessOf(
  values: readonly number[],
  known: readonly number[] | undefined,
  seed: number,
): Pick<Coupling, 'excess' | 'sure'> {
  const direction = Math.sign(mean(values))
  const explained = known && Math.sign(mean(known)) === direction ? known : values.map(() => 0)
  const rest = shiftOf(
    values.map((value, i) => direction * (value - explained[i])),
    { seed, resamples },
  )
  const beyond = (value: number) => direction * Math.max(0, value)
  return { excess: beyond(rest.mean), sure: beyond(rest.interval?.low ?? 0) }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Mean centre of cells, in pixels. */
function middle(cells: readonly number[], { n, jump, start }: ReceptiveField): Place {
  const at = (index: number) => start + index * jump
  return { x: mean(cells.map(c => at(c % n))), y: mean(cells.map(c => at(Math.floor(c / n)))) }
}
