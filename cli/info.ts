import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import type { Checkpoint } from '../engine/checkpoint/safetensors.ts'
import { namesOf } from './kept-names.ts'

/** `patronus info`: what a checkpoint says about itself. */
export const infoCommand = (): Command =>
  new Command('info')
    .description('say what a checkpoint is')
    .argument('<checkpoint>', "a .safetensors file, or the authors' folder or ckpt.tar")
    .option('--data <folder>', 'folder whose user/ holds names of prototypes, as for serve', 'data')
    .option('--json', 'everything, as one JSON object')
    .option('--ranges', 'the measured range of s of every prototype')
    .option('--report <folder>', 'write a page about those ranges, with histograms, and a CSV')
    .action(info)

type InfoOptions = { readonly data: string; readonly json?: boolean; readonly ranges?: boolean; readonly report?: string }

async function info(path: string, { data, json, ranges, report }: InfoOptions): Promise<void> {
  const [{ openCheckpoint }, { withNames }] = await Promise.all([
    import('../engine/checkpoint/open.ts'),
    import('../analysis/naming.ts'),
  ])
  const opened = await openCheckpoint(path)
  const checkpoint = { ...opened, info: withNames(opened.info, await namesOf(opened.id, data)) }
  if (report !== undefined) return writeRanges(report, checkpoint)
  if (ranges) {
    const { rangesText } = await import('./ranges-text.ts')
    process.stdout.write(rangesText(checkpoint.info))
    return
  }
  const bytes = (await stat(path)).size
  const numbers = { parameters: parametersOf(checkpoint), priorParameters: parametersOf(checkpoint, true) }
  process.stdout.write(
    json ? `${JSON.stringify({ id: checkpoint.id, bytes, ...numbers, info: checkpoint.info })}\n` : summaryOf(checkpoint, bytes),
  )
}

async function writeRanges(folder: string, { id, info }: Checkpoint): Promise<void> {
  const [{ rangesReport }, { writeReport }] = await Promise.all([
    import('../analysis/ranges-report.ts'),
    import('./report-files.ts'),
  ])
  const files = await writeReport(folder, `ranges-${info.name}`, rangesReport(info, [['id', id]]))
  process.stdout.write(files.map(file => `${file}\n`).join(''))
}

/** Numbers that are trained or stored for the model itself, or for its prior. */
const parametersOf = ({ weights }: Checkpoint, prior = false): number =>
  [...weights].reduce((sum, [name, { data }]) => sum + (name.startsWith('prior.') === prior ? data.length : 0), 0)

/** A checkpoint on a dozen lines. */
export function summaryOf(checkpoint: Checkpoint, bytes: number): string {
  const { info, id } = checkpoint
  const { image, encoder, prototypes, unet, timesteps } = info.config
  const named = Object.entries(info.names ?? {})
  const rows: [string, string | undefined][] = [
    ['name', info.name],
    ['', info.description],
    ['data set', info.dataset],
    ['images', `${image.height}×${image.width}×${image.channels}`],
    [
      'encoder',
      `${encoder.kernels.length} convolutions, channels ${encoder.channels.join(' → ')}, kernels ${encoder.kernels.join(', ')}, strides ${encoder.strides.join(', ')}`,
    ],
    ['prototypes', `${prototypes.count} of length ${prototypes.dim}`],
    [
      'U-Net',
      `base ${unet.base} × ${unet.multipliers.join(', ')}, ${unet.resBlocks} residual blocks a level${unet.stem > 1 ? `, ${unet.stem}×${unet.stem} space-to-depth stem` : ''}; T = ${timesteps}`,
    ],
    [
      'prior',
      info.prior
        ? `base ${info.prior.base} × ${info.prior.multipliers.join(', ')}, T = ${info.prior.timesteps}, on ${info.prior.standardize ? 'standardised' : 'raw'} s`
        : 'none',
    ],
    ['ranges', info.ranges ? `measured over ${info.rangesOver ?? 'an unknown number of'} images` : 'not measured'],
    ['names', named.length ? named.map(([j, name]) => `${j} ${name}`).join(', ') : undefined],
    [
      'parameters',
      `${parametersOf(checkpoint).toLocaleString('en')}${info.prior ? `, prior ${parametersOf(checkpoint, true).toLocaleString('en')}` : ''}`,
    ],
    ['size', `${(bytes / 1e6).toFixed(1)} MB`],
    ['id', id],
    ['licence', info.licence],
    ...Object.entries(info.provenance)
      .filter(([key]) => key !== 'trainingConfig')
      .map(([key, value]): [string, string] => [key, String(value)]),
  ]
  return rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(22)} ${value}\n`])).join('')
}
