import type { Distances } from './quality-distance.ts'
import type { QualityReport } from './quality-report.ts'

/** What each measurement means, said once for the Markdown of docs/results and for the HTML page. */

type Settings = QualityReport['settings']

export const readingWords = (images: number, { steps }: Settings): string =>
  `${images} test faces, each drawn anew from its s and fresh noise (DDIM, ${steps} steps). A classifier trained on other clean and degraded faces, never on drawn ones, reads them; agreement is the share of pictures in which it reads what the source face has. Balanced: mean over those with and without. Majority: what always giving the more frequent answer would reach.`

export const distanceWords = ({ images, samples: { kid } }: Distances, { steps }: Settings, hasFid: boolean): string =>
  `${images} pictures drawn from s of as many test pictures (DDIM, ${steps} steps), as a whole against ${images} other test pictures. The bar is what the test pictures that were drawn from have themselves against the same others. The Fréchet distance grows when pictures are few: compare it only within a table. KID, the kernel distance, does not; mean and deviation over ${kid.subsets} subsets of ${kid.size}.${hasFid ? '' : ' FD is not FID, which needs Inception-v3 (`--inception`).'}`

export const featureWords = (name: string, { features, width, images }: Distances): string =>
  `${name}, features: ${features}; ${width} numbers a picture.${
    images < width ? ` There are fewer pictures (${images}) than features, which makes ${name} much too large.` : ''
  }`

export const latentWords = (images: number): string =>
  `Latent AUROC: linear probe on all of s, five folds of ${images} test pictures. Best prototype: AUROC of the one entry of s that tells most, over all pictures. The control is the same encoder without training, with as many prototypes taken from real patches far from each other, and the same probe. A dash: the attribute does not vary in this set, so there is nothing to tell.`

/** `majority`: a share, as text. */
export const dciWords = (majority: string): string =>
  `DCI: gradient boosting on s, fitted on the first half of the pictures and judged on the second, where always giving the more frequent answer is right in ${majority}. Disentanglement: each prototype tells one attribute only; completeness: each attribute is told by one prototype only.`

export const classWords =
  "Multinomial linear probe on s, fitted and judged in five folds: accuracy (what the paper's table calls latent AUROC for this kind of set), and the mean one-vs-rest AUROC. The paper judges on training pictures, which the encoder has seen (without their classes); compare its number with that row."

export const reconstructionWords = (images: number, { steps }: Settings): string =>
  `${images} test pictures inverted to noise and sampled back with the same s, ${steps} steps each way; mean squared error a pixel and channel.`

export const spreadWords = (prototypes: number): string =>
  `All ${prototypes} entries of s over the test pictures. A prototype is unused when no picture brings it above .01.`

export const sheetWords = (sources: boolean): string =>
  `Columns: test pictures. ${
    sources
      ? 'Rows: the picture; two drawings from its s and fresh noise; its reconstruction.'
      : 'Rows: two drawings from its s and fresh noise. The pictures themselves are not ours to show; without `--no-sources` the command puts them and their reconstructions beside the drawings.'
  }`
