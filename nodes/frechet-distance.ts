import { pooledFeatures } from '../analysis/features.ts'
import { toModel } from '../analysis/pixels.ts'
import { setDistance, type SetDistance } from '../analysis/set-distance.ts'
import type { Tensor } from '../model/tensor.ts'
import { defineNode, type Context, type Table } from './node.ts'
import { fourDigits, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusFrechetDistance',
  title: 'Fréchet Distance',
  category: 'patronus/measure',
  help: "Says how far two batches of pictures are apart as a whole, in the features of the model's own encoder: FD and KID.",
  aliases: ['frechet', 'fid', 'fd', 'kid', 'quality', 'compare', 'distance'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose encoder looks at the pictures.' },
    images: { type: 'IMAGE', help: 'Pictures to judge, for example drawn ones; at least 2.' },
    reference: { type: 'IMAGE', help: 'Pictures to compare with, for example real ones that were not drawn from; at least 2.' },
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Draws the subsets that KID is averaged over.' },
  },
  outputs: {
    distance: { type: 'FLOAT', help: 'FD, 0 or more. Comparable only between batches of the same sizes and the same model.' },
    table: { type: 'TABLE', help: 'FD, KID with its deviation, and what they were measured on.' },
  },
  async run({ model, images, reference, seed }, context) {
    needTwo('images', images)
    needTwo('reference', reference)
    const total = images.shape[0] + reference.shape[0]
    const look = (pictures: Tensor, before: number) =>
      pooledFeatures(model, toModel(pictures, model.info.config), done => turn(context, before + done, total))
    const [a, b] = [await look(images, 0), await look(reference, images.shape[0])]
    const found = setDistance(a, b, seed)
    const table = tableOf(found, a, b)
    return { distance: found.fd, table, ui: { tables: [table], text: [tableText(table), ...remarks(a, b)] } }
  },
})

async function turn(context: Context, done: number, total: number): Promise<void> {
  context.progress(done, total)
  await context.pause()
}

function needTwo(name: string, pictures: Tensor): void {
  if (pictures.shape[0] < 2)
    throw new Error(
      `${name}: wanted at least 2 pictures, got ${pictures.shape[0]}; a set of one has no spread to compare. Join pictures with Batch Images.`,
    )
}

const tableOf = ({ fd, kid }: SetDistance, a: Tensor, b: Tensor): Table => ({
  title: 'Distance of the two batches in mean-pooled encoder features',
  columns: ['measure', 'value', 'deviation', 'pictures', 'features'],
  rows: [
    ['FD', fourDigits(fd), null, `${a.shape[0]} and ${b.shape[0]}`, a.shape[1]],
    [
      'KID',
      fourDigits(kid.mean),
      kid.std === null ? null : fourDigits(kid.std),
      `${kid.subsets} subsets of ${kid.size}`,
      a.shape[1],
    ],
  ],
})

/** What to know before believing the numbers. */
function remarks(a: Tensor, b: Tensor): string[] {
  const [fewest, features] = [Math.min(a.shape[0], b.shape[0]), a.shape[1]]
  return [
    "FD is not FID: these are the features of the model's own encoder, which flatter pictures the model drew.",
    ...(fewest < features
      ? [
          `Only ${fewest} pictures for ${features} features: FD is much too large then. Give at least ${features} a batch, or compare with the FD of two batches of real pictures of these sizes. KID is not inflated by that.`,
        ]
      : []),
  ]
}
