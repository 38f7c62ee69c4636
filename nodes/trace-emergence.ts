import { parsePrototypes } from '../analysis/edits.ts'
import { emergence } from '../analysis/emergence.ts'
import { emergencePlot, emergenceTable } from '../analysis/emergence-figures.ts'
import { emergenceStrip } from '../analysis/emergence-strip.ts'
import { matrixSvg } from '../analysis/figures/matrix.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { plotSvg } from '../analysis/figures/line-plot.ts'
import { liveSteps } from './live-steps.ts'
import type { Plot } from './node.ts'
import { defineNode } from './node.ts'
import { raisedBy, raiseOptions } from './raise-to.ts'
import { tableText } from './table-text.ts'

/** Each takes a whole sampling run, and a plot with more curves says nothing. */
const most = 16

export default defineNode({
  type: 'PatronusTraceEmergence',
  title: 'Trace Emergence',
  category: 'patronus/interpret',
  help: 'Shows when prototypes appear while pictures form: raises each, follows its s in the running picture, and says how far back to noise a picture to edit it.',
  aliases: ['when', 'curve', 'onset', 'timestep', 'depth', 'plot'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model to trace.' },
    images: { type: 'IMAGE', help: 'Pictures to average over; the band is their standard deviation.' },
    prototypes: { type: 'STRING', default: '0', help: 'Which prototypes, for example "3, 17, 30-32"; at most 16.' },
    steps: { type: 'INT', default: 50, min: 2, max: 1000, help: 'Steps of the inversion and of every sampling run.' },
    raise_to: {
      type: 'COMBO',
      options: raiseOptions,
      default: 'maximum',
      help: "Raises each to its own measured maximum, to max(s_X), the paper's one number for all prototypes (the largest ever measured; without ranges of these pictures), or to value.",
    },
    value: { type: 'FLOAT', default: 1, min: 0, max: 10, step: 0.01, help: 'What to raise them to when raise_to is value.' },
    advise: {
      type: 'BOOLEAN',
      default: true,
      optional: true,
      help: 'Also measures, on the first eight pictures, how far back an edit must go; takes about three and a half more runs a prototype.',
    },
  },
  outputs: {
    plot: { type: 'PLOT', help: 'Rise of s against the timestep, with band and control.' },
    table: {
      type: 'TABLE',
      help: 'For each prototype: onset with its interval over pictures, fineness and size of the change, recommended depth of an edit.',
    },
    picture: { type: 'IMAGE', help: 'The plot as a picture, to show or save.' },
    trace: {
      type: 'TRACE',
      help: 'The running picture and its s at up to 100 of the steps, for the first prototype and the first 16 pictures.',
    },
    strip: { type: 'IMAGE', help: 'Prototypes by steps: how much of its final rise each has made, earliest first.' },
  },
  async run({ model, images, prototypes, steps, raise_to, value, advise = true }, context) {
    const wanted = readPrototypes(prototypes)
    const x0 = toModel(images, model.info.config)
    const options = { steps, advise, value: raisedBy(raise_to, value) }
    const found = await emergence(model, x0, wanted, options, liveSteps(context))
    const plot: Plot = emergencePlot(found, model.info)
    const table = emergenceTable(found, model.info)
    const picture = await context.drawSvg(plotSvg(plot))
    const strip = await context.drawSvg(matrixSvg(emergenceStrip(found, model.info)))
    const shown = [
      ...(await context.saveImages(picture, { type: 'temp', prefix: 'emergence' })),
      ...(await context.saveImages(strip, { type: 'temp', prefix: 'emergence' })),
    ]
    const { frames } = found
    const trace = {
      t: frames.map(({ t }) => t),
      x0: frames.map(({ x0 }) => fromModel(x0)),
      activations: frames.map(({ s }) => s),
    }
    return { plot, table, picture, trace, strip, ui: { images: shown, text: [tableText(table)], tables: [table], plots: [plot] } }
  },
})

function readPrototypes(text: string): number[] {
  const wanted = parsePrototypes(text)
  if (wanted.length === 0 || wanted.length > most)
    throw new Error(`prototypes: wanted 1 to ${most} numbers such as "3, 17, 30-32", got ${wanted.length}`)
  return wanted
}
