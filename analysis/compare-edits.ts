/** What a partial edit keeps that the full one loses, with both changing their target by the same amount. */
import type { Patronus } from '../engine/patronus.ts'
import { exactBox, receptiveField, type Box } from '../model/receptive-field.ts'
import { combine, dims, type Tensor } from '../model/tensor.ts'
import { encodeIn } from './batches.ts'
import { resampledInterval, type Interval } from './metrics/bootstrap.ts'
import { meanOf } from './metrics/statistics.ts'
import { bringForward, changeOf, leadBack, levelOf, stepsOf, type Change } from './partial-edit.ts'
import type { Hooks, Level } from './sampling.ts'

/** One way to make the edit, judged. Errors are mean squares of pictures 0…1 against the originals. */
export type EditOutcome = {
  /** The share of the wanted edit of s that was asked for, 0…1. */
  readonly share: number
  /** Mean rise of ŝ of the target, in units of s. */
  readonly change: number
  /** Mean squared error of each picture outside the boxes of the edited prototypes, and of the whole picture, [B]. */
  readonly outside: readonly number[]
  readonly whole: readonly number[]
  /** Network calls a picture, and seconds for all of them. */
  readonly steps: number
  readonly seconds: number
}

export type EditComparison = {
  /** The level of the partial edit, and that of the full one, T-1. */
  readonly t: number
  readonly last: number
  readonly partial: EditOutcome
  readonly full: EditOutcome
  /** Both at one change: the stronger was turned down. `null` when one of them does not change the target. */
  readonly equal: { readonly partial: EditOutcome; readonly full: EditOutcome } | null
  /** Share of the full edit's error outside that the partial edit avoids at one change, with its 95 % interval over the pictures. */
  readonly preserved: { readonly share: number; readonly interval: Interval | null } | null
}

export type CompareOptions = {
  readonly steps: number
  readonly depth: number
  readonly batch?: number
  /** Decides the bootstrap. */
  readonly seed?: number
  /** Milliseconds of any clock. */
  readonly now: () => number
  /** The pictures' pure noise, when it is known from another comparison. */
  readonly noise?: Led
}

/** Pictures led back, and the seconds it took. */
export type Led = { readonly levels: readonly Level[]; readonly seconds: number }

/** How near the two changes must come, as a share. */
const tolerance = 0.02
const attempts = 4

/**
 * x0 [B,H,W,C] -1…1. The boxes are what the most activated cell of each edited prototype sees in the pictures of the full edit at full
 * strength, the same ones for both.
 */
export async function compareEdits(
  patronus: Patronus,
  x0: Tensor,
  { s, edited }: Change,
  { steps, depth, batch = 16, seed = 1, now, noise }: CompareOptions,
  { onStep }: Hooks = {},
): Promise<EditComparison & { readonly noise: Led }> {
  const last = patronus.info.config.timesteps - 1
  const t = levelOf(patronus, steps, depth)
  const [cost, fullCost] = [t, last].map(level => stepsOf(patronus, steps, level))
  const parts = Math.ceil(x0.shape[0] / batch)
  const total = parts * (cost.inversion + cost.sampling + fullCost.inversion + fullCost.sampling * (1 + attempts))
  let done = 0
  const told: Hooks = { onStep: (_, __, x) => onStep?.(Math.min(++done, total), total, x) }
  const timed = async <T>(work: Promise<T>): Promise<{ value: T; seconds: number }> => {
    const begun = now()
    const value = await work
    return { value, seconds: (now() - begun) / 1000 }
  }
  const lead = async (to: number): Promise<Led> => {
    const { value, seconds } = await timed(leadBack(patronus, x0, s, { steps, depth: to, batch }, told))
    return { levels: value, seconds }
  }
  let boxes: Boxes | undefined
  const make = async (led: Led, share: number, { inversion, sampling }: typeof cost): Promise<EditOutcome> => {
    const wanted = share === 1 ? edited : combine([1 - share, s], [share, edited])
    const { value: images, seconds } = await timed(bringForward(patronus, led.levels, wanted, steps, told))
    const { boxes: seen, ...judged } = await judge(patronus, x0, images, { s, edited }, { batch, boxes })
    boxes = seen
    return { share, ...judged, steps: inversion + sampling, seconds: led.seconds + seconds }
  }
  const pure = noise ?? (await lead(last))
  const full = await make(pure, 1, fullCost)
  const half = await lead(t)
  const partial = await make(half, 1, cost)
  const equal = await atOneChange(partial, full, share => make(half, share, cost), share => make(pure, share, fullCost)) // prettier-ignore
  await onStep?.(total, total, x0)
  return { t, last, partial, full, equal, preserved: equal && preservedShare(equal.partial, equal.full, seed), noise: pure }
}

/** Turns the stronger of two edits down until it changes the target as much as the weaker: regula falsi between nothing and all of it. */
async function atOneChange(
  partial: EditOutcome,
  full: EditOutcome,
  partialAt: (share: number) => Promise<EditOutcome>,
  fullAt: (share: number) => Promise<EditOutcome>,
): Promise<EditComparison['equal']> {
  const wanted = Math.min(partial.change, full.change)
  if (!(wanted > 0)) return null
  const isFullStronger = full.change > partial.change
  const at = isFullStronger ? fullAt : partialAt
  let best = isFullStronger ? full : partial
  let [below, above] = [
    { share: 0, change: 0 },
    { share: 1, change: best.change },
  ]
  for (let i = 0; i < attempts && Math.abs(best.change - wanted) > tolerance * wanted; i++) {
    const share = below.share + ((wanted - below.change) / (above.change - below.change)) * (above.share - below.share)
    const found = await at(share)
    if (found.change < wanted) below = found
    else above = found
    if (Math.abs(found.change - wanted) < Math.abs(best.change - wanted)) best = found
  }
  return isFullStronger ? { partial, full: best } : { partial: best, full }
}

function preservedShare(partial: EditOutcome, full: EditOutcome, seed: number): EditComparison['preserved'] {
  const pairs = partial.outside.map((value, b) => [value, full.outside[b]] as const)
  const avoided = (sample: readonly (readonly [partial: number, full: number])[]) => {
    const [kept, lost] = [0, 1].map(i => sample.reduce((sum, pair) => sum + pair[i], 0))
    return lost > 0 ? 1 - kept / lost : null
  }
  const share = avoided(pairs)
  return share === null ? null : { share, interval: resampledInterval(pairs, avoided, { seed }) }
}

type Boxes = readonly (readonly Box[])[]

/** How much an edit changed its target and the rest; the boxes are those of these pictures unless others are given. */
export async function judge(
  patronus: Patronus,
  x0: Tensor,
  images: Tensor,
  { s, edited }: Change,
  { batch = 16, boxes }: { readonly batch?: number; readonly boxes?: Boxes } = {},
): Promise<Pick<EditOutcome, 'change' | 'outside' | 'whole'> & { readonly boxes: Boxes }> {
  const after = await encodeIn(patronus, images, batch)
  const found = boxes ?? boxesOf(patronus, after.argmin, s, edited)
  return { change: meanOf(changeOf(s, edited, after.s)) ?? 0, ...errors(x0, images, found), boxes: found }
}

/** What the most activated cells of the edited prototypes see, for every picture. */
function boxesOf({ info }: Patronus, argmin: Tensor, s: Tensor, edited: Tensor): Boxes {
  const { encoder, image } = info.config
  const field = receptiveField(encoder, image.height)
  const { B, m } = dims(argmin, 'B m')
  return Array.from({ length: B }, (_, b) =>
    Array.from({ length: m }, (_, j) => b * m + j)
      .filter(i => edited.data[i] !== s.data[i])
      .map(i => exactBox(field, argmin.data[i], image.height)),
  )
}

function errors(x0: Tensor, images: Tensor, boxes: Boxes): { outside: number[]; whole: number[] } {
  const { B, H, W, C } = dims(x0, 'B H W C')
  const [outside, whole]: [number[], number[]] = [[], []]
  for (let b = 0; b < B; b++) {
    let [all, out, count] = [0, 0, 0]
    for (let i = 0; i < H * W * C; i++) {
      const [y, x] = [Math.floor(i / (W * C)), Math.floor(i / C) % W]
      const error = ((images.data[b * H * W * C + i] - x0.data[b * H * W * C + i]) / 2) ** 2
      all += error
      if (boxes[b].some(box => x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1)) continue
      out += error
      count++
    }
    whole.push(all / (H * W * C))
    outside.push(count > 0 ? out / count : 0)
  }
  return { outside, whole }
}
