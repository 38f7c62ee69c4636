import { reconstruction, type Reconstruction, type Summary } from '../analysis/reconstruction.ts'
import { defineNode, type Table } from './node.ts'
import { fourDigits, tableText } from './table-text.ts'

export default defineNode({
  type: 'PatronusReconstructionError',
  title: 'Reconstruction Error',
  category: 'patronus/measure',
  help: "Says how near rebuilt pictures are to what they should be, pair by pair: mean squared error in the model's units, -1 to 1 (four times that of pixels 0 to 1), and PSNR.",
  aliases: ['mse', 'psnr', 'rebuild', 'inversion', 'quality', 'compare', 'difference'],
  output: true,
  inputs: {
    images: { type: 'IMAGE', help: 'Rebuilt or edited pictures.' },
    reference: { type: 'IMAGE', help: 'What they should be: the same number of the same size, in the same order.' },
    seed: { type: 'INT', default: 1, min: 0, max: 4294967295, seed: true, help: 'Draws the bootstrap of the intervals.' },
  },
  outputs: {
    error: { type: 'FLOAT', help: "Mean squared error over all pictures, in the model's units, -1 to 1." },
    table: { type: 'TABLE', help: 'Mean squared error and PSNR of every picture.' },
    difference: { type: 'IMAGE', help: 'What differs, as |images - reference| on the 0 to 1 scale of pixels, not brightened.' },
  },
  async run({ images, reference, seed }) {
    const found = reconstruction(images, reference, seed)
    const [all, table] = [summaryTable(found), pictureTable(found)]
    const text = [tableText(all), tableText(table), ...remarks(found)]
    return { error: found.error.mean, table, difference: found.difference, ui: { tables: [all, table], text } }
  },
})

const error = 'MSE (-1 … 1)'
const ratio = 'PSNR (dB)'

const summaryTable = (found: Reconstruction): Table => ({
  title: `Reconstruction of ${found.errors.length} ${found.errors.length === 1 ? 'picture' : 'pictures'}: mean with its 95 % interval over pictures`,
  columns: ['measure', 'mean', 'low', 'high', 'worst', 'worst image'],
  rows: [
    [error, ...cells(found.error)],
    [ratio, ...(found.ratio ? cells(found.ratio) : [null, null, null, ...worstCells(found)])],
  ],
})

const cells = ({ mean, interval, worst }: Summary) => [
  fourDigits(mean),
  interval && fourDigits(interval.low),
  interval && fourDigits(interval.high),
  fourDigits(worst.value),
  worst.image,
]

/** The largest error has the lowest PSNR, also where the mean of the PSNR does not exist. */
const worstCells = ({ psnr, error: { worst } }: Reconstruction) => [finite(psnr[worst.image]), worst.image]

const pictureTable = ({ errors, psnr }: Reconstruction): Table => ({
  title: "Mean squared error in the model's units, -1 … 1, and PSNR per picture",
  columns: ['image', error, ratio],
  rows: errors.map((value, image) => [image, fourDigits(value), finite(psnr[image])]),
})

/** An infinite PSNR is a dash: neither JSON nor a spreadsheet has a word for it. */
const finite = (value: number): number | null => (Number.isFinite(value) ? fourDigits(value) : null)

function remarks({ psnr }: Reconstruction): string[] {
  const same = psnr.filter(value => value === Infinity).length
  if (same === 0) return []
  const those = same === 1 ? '1 picture is' : `${same} pictures are`
  return [`${those} exactly the reference: PSNR is infinite there, and so is its mean; both show as a dash.`]
}
