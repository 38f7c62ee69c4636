import { countOf, pictures } from '../analysis/data-set.ts'
import { fromModel } from '../analysis/pixels.ts'
import type { Table } from './node.ts'
import { defineNode } from './node.ts'
import { rounded, tableText } from './table-text.ts'

/** More as one IMAGE would be a batch no node can work on at once; the data set itself may be larger. */
const mostShown = 64

export default defineNode({
  type: 'PatronusDataSetImages',
  title: 'Data Set Images',
  category: 'patronus/loaders',
  help: 'Brings many pictures with what is known of each, for questions that need labels: synthetic faces drawn on the spot, or a folder of your own in data/datasets, with an attributes.csv.',
  aliases: ['dataset', 'avatars', 'faces', 'labels', 'attributes', 'folder'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model that will be asked: pictures get its size and colours.' },
    set: {
      type: 'COMBO',
      options: ['avatars', 'avatars without red hair', 'avatars, biased'],
      default: 'avatars',
      files: 'datasets',
      help: 'Synthetic faces with 13 exact attributes, independent of each other; the same without red hair, for models that never saw it; or with smiles tied to hair that is not black.',
    },
    count: { type: 'INT', default: 100, min: 1, max: 20000, help: 'How many pictures.' },
    seed: {
      type: 'INT',
      default: 1,
      min: 0,
      max: 1000000,
      seed: true,
      help: 'Which pictures; 1 gives the faces that the shipped models are judged on, and never saw.',
    },
    show: { type: 'INT', default: 8, min: 1, max: mostShown, help: 'How many of them, the first ones, come out as images.' },
  },
  outputs: {
    data: { type: 'DATASET', help: 'All pictures with their attributes.' },
    images: { type: 'IMAGE', help: 'The first of them.' },
  },
  fingerprint: async ({ set }, files) => (set ? files.hash('datasets', set) : ''),
  async run({ model, set, count, seed, show }, context) {
    const data = await context.dataSet({ set, count, seed, image: model.info.config.image })
    const shown = Math.min(show, countOf(data))
    const indices = Array.from({ length: shown }, (_, i) => i)
    const images = fromModel({ shape: [shown, ...data.shape], data: pictures(data, indices) })
    const table: Table = {
      title: `${data.name}: ${countOf(data)} pictures`,
      columns: ['attribute', 'with it', 'share'],
      rows: (data.attributes?.names ?? []).map((name, a, { length }) => {
        const present = data.attributes!.values.reduce((sum, value, i) => sum + (i % length === a ? value : 0), 0)
        return [name, present, rounded(present / countOf(data))]
      }),
    }
    return { data, images, ui: { text: [tableText(table)], tables: [table] } }
  },
})
