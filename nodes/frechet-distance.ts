import { networkFeatures, pooledFeatures, type OnPart } from '../analysis/features.ts'
import { toModel } from '../analysis/pixels.ts'
import { setDistance, type SetDistance } from '../analysis/set-distance.ts'
import type { FeatureNetwork } from '../engine/inception.ts'
import type { Patronus } from '../engine/patronus.ts'
import { map, type Tensor } from '../model/tensor.ts'
import { defineNode, type Table } from './node.ts'
import { fourDigits, tableText } from './table-text.ts'

/** No Inception-v3: FID is not measured. */
const none = 'none'

export default defineNode({
  type: 'PatronusFrechetDistance',
  title: 'Fréchet Distance',
  category: 'patronus/measure',
  help: "Says how far two batches of pictures are apart as a whole, in the features of the model's own encoder: FD and KID; and FID with an Inception-v3 that you bring.",
  aliases: ['frechet', 'fid', 'fd', 'kid', 'inception', 'quality', 'compare', 'distance'],
  output: true,
  inputs: {
    model: { type: 'PATRONUS', help: 'The model whose encoder looks at the pictures.' },
    images: { type: 'IMAGE', help: 'Pictures to judge, for example drawn ones; at least 2.' },
    reference: { type: 'IMAGE', help: 'Pictures to compare with, for example real ones that were not drawn from; at least 2.' },
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Draws the subsets that KID is averaged over.' },
    inception: {
      type: 'COMBO',
      options: [none],
      default: none,
      files: 'inception',
      optional: true,
      help: 'An Inception-v3 as one ONNX file, [N,3,299,299] to [N,2048], that you put into data/inception: measures the FID, too. None comes with the program.',
    },
  },
  outputs: {
    distance: { type: 'FLOAT', help: 'FD, 0 or more. Comparable only between batches of the same sizes and the same model.' },
    table: { type: 'TABLE', help: 'FD, KID with its deviation, FID where it was measured, and what they were measured on.' },
  },
  fingerprint: async ({ inception = none }, files) => (inception === none ? '' : files.hash('inception', inception)),
  async run({ model, images, reference, seed, inception = none }, context) {
    needTwo('images', images)
    needTwo('reference', reference)
    // First of all, so that a file that will not do is told before the work.
    const network = inception === none ? undefined : await context.inception(inception)
    try {
      const eyes = [ownEyes(model), ...(network ? [inceptionEyes(network)] : [])]
      const total = eyes.length * (images.shape[0] + reference.shape[0])
      let before = 0
      const look = async (eye: Eyes, pictures: Tensor) => {
        const features = await eye.look(pictures, async done => {
          context.progress(before + done, total)
          await context.pause()
        })
        before += pictures.shape[0]
        return features
      }
      const found: Seen[] = []
      for (const eye of eyes) {
        const [a, b] = [await look(eye, images), await look(eye, reference)]
        found.push({ eye, ...setDistance(a, b, seed), pictures: [a.shape[0], b.shape[0]], features: a.shape[1] })
      }
      const table = tableOf(found)
      const text = [tableText(table), ...found.flatMap(remarks), ...(network ? fidRemarks(network, images, reference) : [])]
      return { distance: found[0].fd, table, ui: { tables: [table], text } }
    } finally {
      await network?.dispose()
    }
  },
})

/** What looks at pictures, and what its distances are called. */
type Eyes = {
  readonly distance: 'FD' | 'FID'
  readonly kid: string
  look(pictures: Tensor, onPart: OnPart): Promise<Tensor>
}

type Seen = SetDistance & { readonly eye: Eyes; readonly pictures: readonly [number, number]; readonly features: number }

const ownEyes = (model: Patronus): Eyes => ({
  distance: 'FD',
  kid: 'KID',
  look: (pictures, onPart) => pooledFeatures(model, toModel(pictures, model.info.config), onPart),
})

const inceptionEyes = (network: FeatureNetwork): Eyes => ({
  distance: 'FID',
  kid: 'KID, Inception',
  look: (pictures, onPart) =>
    networkFeatures(
      network,
      map(pictures, value => 2 * value - 1),
      onPart,
    ),
})

function needTwo(name: string, pictures: Tensor): void {
  if (pictures.shape[0] < 2)
    throw new Error(
      `${name}: wanted at least 2 pictures, got ${pictures.shape[0]}; a set of one has no spread to compare. Join pictures with Batch Images.`,
    )
}

const tableOf = (found: readonly Seen[]): Table => ({
  title: `Distance of the two batches in mean-pooled encoder features${found.length > 1 ? ' and in those of Inception-v3' : ''}`,
  columns: ['measure', 'value', 'deviation', 'pictures', 'features'],
  rows: found.flatMap(({ eye, fd, kid, pictures, features }) => [
    [eye.distance, fourDigits(fd), null, pictures.join(' and '), features],
    [
      eye.kid,
      fourDigits(kid.mean),
      kid.std === null ? null : fourDigits(kid.std),
      `${kid.subsets} subsets of ${kid.size}`,
      features,
    ],
  ]),
})

/** What to know before believing the numbers. */
function remarks({ eye: { distance }, pictures, features }: Seen): string[] {
  const fewest = Math.min(...pictures)
  return [
    ...(distance === 'FD'
      ? ["FD is not FID: these are the features of the model's own encoder, which flatter pictures the model drew."]
      : []),
    ...(fewest < features
      ? [
          `Only ${fewest} pictures for ${features} features: ${distance} is much too large then. Give at least ${features} a batch, or compare with the ${distance} of two batches of real pictures of these sizes. KID is not inflated by that.`,
        ]
      : []),
  ]
}

const sizeOf = ({ shape: [, height, width] }: Tensor): string => `${width}×${height}`

function fidRemarks({ name, id }: FeatureNetwork, images: Tensor, reference: Tensor): string[] {
  const [a, b] = [sizeOf(images), sizeOf(reference)]
  return [
    `FID: features of the network in ${name} (SHA-256 ${id.slice(0, 16)}…), given as Inception-v3; pictures at their own size, then resized and scaled as pytorch-fid does.`,
    ...(a === b ? [] : [`images is ${a} and reference ${b} pixels: FID counts what the smaller size lost as distance, too.`]),
  ]
}
