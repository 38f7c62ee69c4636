import { encodeAll } from '../analysis/batches.ts'
import { checkPictures, facts, pictureBatches } from '../analysis/data-set.ts'
import { measureLatents } from '../analysis/measure.ts'
import { defineNode } from './node.ts'
import { tableText } from './table-text.ts'

/** Pictures that the encoder sees in one go, between two chances to cancel. */
const batch = 32

export default defineNode({
  type: 'PatronusMeasureDisentanglement',
  title: 'Measure Disentanglement',
  category: 'patronus/interpret',
  help: 'Says how well s tells the attributes of pictures, together and one prototype at a time: latent AUROC, TAD, captured attributes and DCI, beside an encoder that was never trained.',
  aliases: ['tad', 'dci', 'auroc', 'probe', 'metrics', 'quality', 'attributes'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose s to judge.' },
    data: {
      type: 'DATASET',
      help: 'Pictures with attributes that the model did not learn from; at least 10, better 200 or more.',
    },
    control: {
      type: 'BOOLEAN',
      default: true,
      help: 'Measures an untrained encoder beside it; without one the numbers do not show that training helped.',
    },
    seed: { type: 'INT', default: 1, min: 0, max: 4294967295, seed: true, help: 'Draws the weights of the untrained encoder.' },
  },
  outputs: {
    scores: { type: 'TABLE', help: 'Latent AUROC, TAD, captured attributes and DCI, with the control.' },
    attributes: {
      type: 'TABLE',
      help: 'Each attribute: how well all of s tells it, and which prototype tells it best by itself.',
    },
  },
  async run({ model, data, control, seed }, context) {
    checkPictures(data, model.info)
    const known = facts(data)
    const onBatch = (done: number, total: number) => context.progress(done, total)
    const s = await encodeAll(
      async x => {
        await context.pause()
        return (await model.encode(x)).s
      },
      pictureBatches(data, { size: batch, onBatch }),
    )
    const untrained = control ? await context.untrained(model.info.config, data, seed) : undefined
    await context.pause()
    const { tables, summary } = measureLatents(s, known, untrained)
    const [scores, attributes] = tables
    return { scores, attributes, ui: { tables, text: [...summary, ...tables.map(table => tableText(table))] } }
  },
})
