import type { CheckpointInfo } from '../../engine/patronus.ts'
import { concat, map, rows, type Tensor } from '../../model/tensor.ts'
import type { Atlas, AtlasEntry } from '../atlas.ts'
import { drawBox } from '../overlay.ts'
import { colored } from '../pixels.ts'
import { prototypeLabel } from '../ranges.ts'
import type { Report, Table } from '../report.ts'

/** The atlas as a page: what was found, every prototype with its formed pictures, and the scores as a table. */
export function atlasReport(atlas: Atlas, info: CheckpointInfo, facts: Report['facts']): Report {
  const { entries, faces } = atlas
  const order = mostConsistent(atlas)
  return {
    title: `Prototype atlas of ${info.name}`,
    summary: atlasSummary(atlas),
    sections: [
      {
        heading: 'Prototypes, the most consistent first',
        figures: [
          {
            title: 'Formed with one prototype raised',
            caption: 'One row a prototype, one column a picture. First row: the pictures formed again with nothing raised.',
            images: concat([colored(atlas.rebuilt), ...order.map(i => framed(atlas, i))].map(fromModelUnits)),
            columns: faces,
            rowLabels: ['nothing raised', ...order.map(i => labelOf(entries[i], info))],
          },
        ],
      },
      { heading: 'Scores', tables: [scoreTable(atlas, info)] },
    ],
    facts,
  }
}

/** What was done and how many prototypes show one thing, in two sentences. */
export function atlasSummary({ entries, faces, steps, shuffled }: Atlas): string[] {
  const above = entries.filter(({ consistency }) => consistency !== null && consistency > (shuffled?.high ?? 1)).length
  return [
    `Each of ${entries.length} prototypes raised to its own maximum on ${faces} ${faces === 1 ? 'picture' : 'pictures'}, which were formed again in ${steps} steps; the frame is the patch where it is strongest.`,
    shuffled
      ? `${above} of ${entries.length} show the same thing in all pictures: the encoder's features in their frames agree more (mean cosine) than 95 % of groups of patches of different prototypes do (mean ${shuffled.mean.toFixed(3)}, 95 % below ${shuffled.high.toFixed(3)}).`
      : 'Agreement between pictures needs at least two pictures and two prototypes.',
  ]
}

/** Places of the entries, the most consistent first. */
export const mostConsistent = ({ entries }: Atlas): number[] =>
  [...entries.keys()].sort((a, b) => (entries[b].consistency ?? 0) - (entries[a].consistency ?? 0))

const labelOf = ({ prototype, consistency }: AtlasEntry, info: CheckpointInfo): string =>
  `${prototypeLabel(prototype, info)}${consistency === null ? '' : ` (${consistency.toFixed(2)})`}`

const fromModelUnits = (images: Tensor): Tensor => map(images, value => (value + 1) / 2)

/** The formed pictures of entry i with the patch framed, in colour, -1 … 1. */
export function framed({ entries, images, faces }: Atlas, i: number): Tensor {
  const own = rows(images, i * faces, (i + 1) * faces)
  return concat(
    entries[i].boxes.map((box, e) => {
      const picture = map(rows(own, e, e + 1), value => (value + 1) / 2)
      return map(drawBox(picture, box, 1), value => 2 * value - 1)
    }),
  )
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** One row a prototype, then what patches of different prototypes reach. */
export const scoreTable = ({ entries, shuffled }: Atlas, info: CheckpointInfo): Table => ({
  title: 'Scores',
  columns: ['prototype', 'name', 'raised to', 's before', 's after', 'consistency'],
  rows: [
    ...entries.map(({ prototype, value, before, after, consistency }) => [
      prototype,
      info.names?.[String(prototype)] ?? null,
      value,
      mean(before),
      mean(after),
      consistency,
    ]),
    ['shuffled', 'mean', null, null, null, shuffled?.mean ?? null],
    ['shuffled', '95 % are below', null, null, null, shuffled?.high ?? null],
  ],
})
