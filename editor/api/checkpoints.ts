/** Checkpoints: what they say about themselves, names and suggestions, atlases and patches. */
import * as v from 'valibot'
import type { CheckpointInfo } from '../../engine/patronus.ts'
import type { AtlasFile, NamesFile, NameSuggestions } from '../../server/protocol.ts'
import { json, request } from './request.ts'

const Numbers = v.object({
  min: v.number(),
  max: v.number(),
  mean: v.number(),
  std: v.number(),
  quantiles: v.record(v.string(), v.number()),
})
const Info = v.looseObject({
  name: v.string(),
  description: v.optional(v.string(), ''),
  config: v.looseObject({ prototypes: v.looseObject({ count: v.pipe(v.number(), v.integer(), v.maxValue(4096)) }) }),
  ranges: v.optional(v.array(Numbers)),
  names: v.optional(v.record(v.string(), v.string())),
})

const Details = v.object({ info: Info, hasAtlas: v.optional(v.boolean(), false) })

/** What a checkpoint says about itself. Only what the bank shows is checked. */
export async function getCheckpoint(name: string): Promise<{ info: CheckpointInfo; hasAtlas: boolean }> {
  const { info, hasAtlas } = v.parse(Details, await json(`./patronus/checkpoints/${encodeURIComponent(name)}`))
  return { info: info as unknown as CheckpointInfo, hasAtlas }
}

const Names = v.object({
  format: v.literal('patronus-names'),
  version: v.literal(1),
  checkpoint: v.string(),
  checkpointName: v.string(),
  names: v.record(v.string(), v.object({ name: v.string(), note: v.optional(v.string()), confidence: v.optional(v.number()) })),
})
const namesUrl = (checkpoint: string): string => `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/names`

/** What people call the prototypes of a checkpoint, with notes. */
export const getNames = async (checkpoint: string): Promise<NamesFile> => v.parse(Names, await json(namesUrl(checkpoint)))

const sendNames = async (method: 'PUT' | 'PATCH', checkpoint: string, body: unknown, force: boolean): Promise<NamesFile> => {
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return v.parse(Names, await (await request(`${namesUrl(checkpoint)}${force ? '?force=true' : ''}`, init)).json())
}

/** Changes the names that `body` (a names file, or `{ names }`) mentions; the server checks it. 409: it is another checkpoint's. */
export const changeNames = (checkpoint: string, body: unknown, { force = false } = {}): Promise<NamesFile> =>
  sendNames('PATCH', checkpoint, body, force)

/** Makes these all the names there are. */
export const replaceNames = (checkpoint: string, file: NamesFile): Promise<NamesFile> => sendNames('PUT', checkpoint, file, false)

const Suggestions = v.object({
  checkpoint: v.string(),
  dataSet: v.string(),
  pictures: v.number(),
  threshold: v.number(),
  suggestions: v.array(
    v.object({
      prototype: v.pipe(v.number(), v.integer(), v.minValue(0)),
      name: v.string(),
      attribute: v.string(),
      sign: v.picklist([1, -1]),
      auroc: v.number(),
      runnerUp: v.nullable(v.object({ name: v.string(), auroc: v.number() })),
      gap: v.nullable(v.number()),
      pictures: v.number(),
      positives: v.number(),
      control: v.nullable(v.number()),
      evidence: v.string(),
    }),
  ),
})

/** Names that the data set of a checkpoint suggests; takes a while the first time. 422: its pictures cannot be had. */
export const getSuggestions = async (checkpoint: string): Promise<NameSuggestions> =>
  v.parse(Suggestions, await json(`./patronus/checkpoints/${encodeURIComponent(checkpoint)}/suggestions`))

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const Atlas = v.object({
  format: v.literal('patronus-atlas'),
  version: v.literal(1),
  checkpoint: v.string(),
  faces: v.pipe(Whole, v.maxValue(64)),
  steps: Whole,
  picture: v.object({ width: Whole, height: Whole }),
  rows: Whole,
  shuffled: v.nullable(v.object({ mean: v.number(), high: v.number() })),
  entries: v.array(
    v.object({
      prototype: Whole,
      value: v.number(),
      before: v.array(v.number()),
      after: v.array(v.number()),
      cells: v.array(Whole),
      boxes: v.array(v.object({ x0: Whole, y0: Whole, x1: Whole, y1: Whole })),
      consistency: v.nullable(v.number()),
    }),
  ),
})

/** The prototypes of a checkpoint drawn. 404: there is none; 409: it was made from other weights. */
export const getAtlas = async (checkpoint: string): Promise<AtlasFile> =>
  v.parse(Atlas, await json(`./patronus/checkpoints/${encodeURIComponent(checkpoint)}/atlas`))

/** The pictures of one prototype, side by side. `version` keeps pictures of different atlases apart. */
export const atlasStripUrl = (checkpoint: string, prototype: number, version: number): string =>
  `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/atlas/${prototype}.png?v=${version}`

/** The patch that shows a prototype, where the server has one. */
export const tileUrl = (checkpoint: string, index: number): string =>
  `./patronus/checkpoints/${encodeURIComponent(checkpoint)}/tiles/${index}.png`

/** Whether the server has tiles for this checkpoint: asked once, not a hundred times. */
export const hasTiles = (checkpoint: string): Promise<boolean> =>
  fetch(tileUrl(checkpoint, 0)).then(
    ({ ok }) => ok,
    () => false,
  )
