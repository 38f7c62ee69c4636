import type { CheckpointInfo } from '../../engine/patronus.ts'
import { concat, map, rows, type Tensor } from '../../model/tensor.ts'
import type { Atlas } from '../atlas.ts'
import type { Coupling, Place } from '../couplings.ts'
import { colored } from '../pixels.ts'
import { prototypeLabel } from '../ranges.ts'
import type { Figure, Report, Table } from '../report.ts'
import type { NoiseKind } from '../regenerate.ts'
import type { EditKind } from '../usual.ts'

/** All that the page is made of. */
export type Coupled = {
  readonly info: CheckpointInfo
  /** The clean model, whose encoder read the pictures. */
  readonly control?: CheckpointInfo
  readonly atlas: Atlas
  /** How prototypes were raised. */
  readonly edit: EditKind
  readonly noise: NoiseKind
  readonly couplings: readonly Coupling[]
}

/** Couplings that tables show. */
export const listed = 40
const shown = 8
/** Pictures of each that fit beside each other. */
const shownFaces = 12

/** Couplings without labels as a page. */
export function couplingsReport(coupled: Coupled, facts: Report['facts']): Report {
  const { info, control, couplings } = coupled
  const reader = control ?? info
  return {
    title: `Couplings of ${info.name}, without labels`,
    summary: couplingsSummary(coupled),
    sections: [
      { heading: 'Couplings, the strongest first', tables: [couplingTable(couplings.slice(0, listed), info, reader)] },
      { heading: 'What it looks like', figures: couplingFigures(coupled) },
    ],
    facts,
  }
}

const raisedBy = {
  maximum: 'alone to its maximum',
  usual: 'by moving all of s to what is usual where it is strong',
} as const

/** What the clean model's pictures were made by. */
const raisedThere = {
  maximum: 'with the prototype raised that is most like it',
  usual: 'moved to what is usual where the same prototype is strong',
} as const

/** What was done and the strongest coupling, in two sentences. */
export function couplingsSummary({ info, control, atlas, couplings, edit, noise }: Coupled): string[] {
  const [first] = couplings
  return [
    `Each prototype was raised on ${atlas.faces} pictures, ${raisedBy[edit]}, and formed from ${noise === 'fresh' ? 'fresh noise' : 'their own noise'}; how the others answer outside its patch is measured in standard deviations of what is usual.${control ? ` ${control.name}'s encoder did the reading, and what ${control.name} does on the same pictures, ${raisedThere[edit]}, is subtracted, picture by picture.` : ' Without a clean model to compare with, what belongs together in the pictures is listed as well.'}`,
    first
      ? `The strongest: raising ${prototypeLabel(first.raised, info)} moves ${prototypeLabel(first.answers, control ?? info)} by ${first.excess.toFixed(1)} standard deviations${control ? ' more than in the clean model' : ''}, ${Math.round(distance(first))} pixels away.`
      : 'No prototype answers to another with an interval away from 0.',
  ]
}

const distance = ({ from, to }: Coupling): number => Math.hypot(from.x - to.x, from.y - to.y)

const pixel = ({ x, y }: Place): string => `${Math.round(x)}, ${Math.round(y)}`

export const couplingTable = (couplings: readonly Coupling[], info: CheckpointInfo, reader: CheckpointInfo): Table => ({
  title: 'Couplings',
  columns: [
    'raised',
    'answers',
    'surely',
    'excess',
    'answer',
    'low',
    'high',
    'clean answer',
    'clean partner',
    'alike',
    'from x, y',
    'to x, y',
  ],
  rows: couplings.map(({ raised, answers, excess, sure, answer, clean, from, to }) => [
    prototypeLabel(raised, info),
    prototypeLabel(answers, reader),
    sure,
    excess,
    answer.mean,
    answer.interval?.low ?? null,
    answer.interval?.high ?? null,
    clean?.answer ?? null,
    clean?.prototype ?? null,
    clean?.alike ?? null,
    pixel(from),
    pixel(to),
  ]),
})

/** One figure a raised prototype, of the strongest couplings. */
function couplingFigures({ couplings, atlas, info, edit }: Coupled): Figure[] {
  const raised = [...new Set(couplings.map(coupling => coupling.raised))].slice(0, shown)
  const faces = Math.min(atlas.faces, shownFaces)
  const picture = (images: Tensor, from: number) => colored(map(rows(images, from, from + faces), v => (v + 1) / 2))
  return raised.flatMap(j => {
    const i = atlas.entries.findIndex(({ prototype }) => prototype === j)
    return [
      {
        title: `Prototype ${prototypeLabel(j, info)} raised`,
        caption: `Above: formed again with nothing raised. Below: with the prototype raised ${raisedBy[edit]}.`,
        images: concat([picture(atlas.rebuilt, 0), picture(atlas.images, i * atlas.faces)]),
        columns: faces,
        rowLabels: ['nothing raised', `${j} raised`],
      },
    ]
  })
}
