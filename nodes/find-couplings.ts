import { makeAtlas, type Atlas, type AtlasOptions } from '../analysis/atlas.ts'
import type { Counterparts } from '../analysis/counterpart.ts'
import { couplings, readAnswers, type Coupling } from '../analysis/couplings.ts'
import { drawBox, enlarge, enlargement, scaled } from '../analysis/overlay.ts'
import type { PictureGrid } from '../analysis/picture-grid.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { prototypeLabel } from '../analysis/ranges.ts'
import { encodeIn } from '../analysis/batches.ts'
import { couplingsSummary, couplingTable, listed, type Coupled } from '../analysis/reports/couplings.ts'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import type { Patronus } from '../engine/patronus.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { cellSize, drawGrid } from './draw-grid.ts'
import { listedPrototypes } from './listed-prototypes.ts'
import { liveSteps } from './live-steps.ts'
import { noiseInput } from './noise-input.ts'
import { defineNode, type Context } from './node.ts'
import { roundedTable, tableText } from './table-text.ts'

/** Raised prototypes and pictures that the figure shows. */
const [shownRaised, shownPictures] = [4, 8]

export default defineNode({
  type: 'PatronusFindCouplings',
  title: 'Find Couplings',
  category: 'patronus/interpret',
  help: 'Finds shortcuts where nobody has labels: raises each prototype and asks which others answer outside its patch. A cancelled run goes on where it stopped.',
  aliases: ['shortcut', 'bias', 'spurious', 'label free', 'entangled', 'side effects'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to examine.' },
    images: { type: 'IMAGE', help: 'Pictures that every prototype is raised on; at least two, better eight.' },
    prototypes: {
      type: 'STRING',
      default: '',
      placeholder: 'all, or 3, 17, 30-35',
      help: 'Which prototypes to raise, for example "3, 17, 30-35"; empty for all. All are asked whether they answer.',
    },
    steps: { type: 'INT', default: 25, min: 2, max: 1000, help: 'Steps of the inversion and of each sampling.' },
    seed: { type: 'INT', default: 1, min: 0, max: 4294967295, seed: true, help: 'Draws the bootstrap of the intervals.' },
    control: {
      type: 'PATRONUS',
      optional: true,
      help: 'A clean model of the same kind of pictures: its encoder reads the answers, and what it couples as well is subtracted.',
    },
    match: {
      type: 'IMAGE',
      optional: true,
      help: "Pictures that say what is usual, and by which the control's prototypes are matched with the model's, the more the better; without them those of images, which are few for that.",
    },
    edit: {
      type: 'COMBO',
      options: ['usual', 'maximum'],
      default: 'usual',
      optional: true,
      help: 'How a prototype is raised: alone to its maximum, or by moving all of s to what is usual where it is strong, which brings what it stands for more surely.',
    },
    noise: noiseInput,
  },
  outputs: {
    table: { type: 'TABLE', help: 'The strongest couplings: what was raised, what answered, by how much, and where.' },
    figure: { type: 'IMAGE', help: 'The strongest in pictures: nothing raised, and the prototype raised with its patch framed.' },
  },
  async run({ model, images, prototypes, steps, seed, control, match = images, edit = 'usual', noise = 'fresh' }, context) {
    if (images.shape[0] < 2)
      throw new Error(`images: wanted at least 2 pictures, got ${images.shape[0]}; one alone cannot say how sure an answer is`)
    const wanted = listedPrototypes(prototypes, model.info)
    const sOf = async (patronus: Patronus) => (await encodeIn(patronus, toModel(match, patronus.info.config))).s
    const draw = (patronus: Patronus, s: Tensor, counterpart?: Counterparts) =>
      atlasHere(
        context,
        patronus,
        images,
        {
          steps,
          prototypes: wanted,
          ...(edit === 'usual' && { usual: s }),
          ...(noise === 'fresh' && { fresh: seed }),
          ...(counterpart && { counterpart }),
        },
        [counterpart ? 1 : 0, control ? 2 : 1],
      )
    const s = await sOf(model)
    const atlas = await draw(model, s)
    const cleanModel = async (patronus: Patronus) => {
      const counterparts = { theirs: s, own: await sOf(patronus) }
      return {
        answers: await readAnswers(await draw(patronus, counterparts.own, counterparts), patronus, atlas),
        counterparts,
      }
    }
    const clean = control && (await cleanModel(control))
    const reader = control ?? model
    const found = couplings(atlas, await readAnswers(atlas, reader), reader, { seed, clean })
    const all: Coupled = {
      info: model.info,
      ...(control && { control: control.info }),
      atlas,
      edit: edit as EditKind,
      noise: noise as NoiseKind,
      couplings: found,
    }
    const figure = await drawGrid(context, gridOf(all))
    const table = roundedTable(couplingTable(found.slice(0, listed), model.info, reader.info))
    const shown = await context.saveImages(figure, { type: 'temp', prefix: 'couplings' })
    return {
      table,
      figure,
      ui: { images: shown, text: [...couplingsSummary(all), tableText(table)], tables: [table] },
    }
  },
})

/** The atlas of one of several models; the bar goes on where the one before left it. */
function atlasHere(
  context: Context,
  model: Patronus,
  images: Tensor,
  options: AtlasOptions,
  [stage, stages]: readonly [number, number],
): Promise<Atlas> {
  const { onStep } = liveSteps(context)
  return makeAtlas(model, toModel(images, model.info.config), options, context.artefacts, {
    onStep: (done, total, x0) => onStep(stage * total + done, stages * total, x0),
  })
}

function gridOf({ atlas, couplings, info, control }: Coupled): PictureGrid {
  const faces = Math.min(atlas.faces, shownPictures)
  const factor = enlargement(atlas.images, cellSize)
  const large = (images: Tensor, i: number) => enlarge(fromModel(rows(images, i, i + 1)), factor)
  const strongest = couplings.filter(({ raised }, i) => couplings.findIndex(other => other.raised === raised) === i)
  const cells = (pick: (face: number) => Tensor) =>
    Array.from({ length: faces }, (_, face) => ({ picture: pick(face), caption: [] }))
  return {
    title: couplings.length === 0 ? 'No prototype answers to another' : 'The strongest couplings',
    rows: [
      { label: 'nothing raised', cells: cells(face => large(atlas.rebuilt, face)) },
      ...strongest.slice(0, shownRaised).map(coupling => {
        const i = atlas.entries.findIndex(({ prototype }) => prototype === coupling.raised)
        return {
          label: labelOf(coupling, { info, control }),
          cells: cells(face =>
            drawBox(large(atlas.images, i * atlas.faces + face), scaled(atlas.entries[i].boxes[face], factor), 1),
          ),
        }
      }),
    ],
  }
}

const labelOf = ({ raised, answers, excess }: Coupling, { info, control }: Pick<Coupled, 'info' | 'control'>): string =>
  `${prototypeLabel(raised, info)} raised (framed): ${prototypeLabel(answers, control ?? info)} answers by ${excess.toFixed(1)} deviations`
