import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import type { DataSet } from '../analysis/data-set.ts'
import { Failure } from './failure.ts'
import { fraction, whole } from './options.ts'

type AvatarOptions = {
  readonly count: number
  readonly bias: number
  readonly seed: number
  readonly size: number
  readonly out: string
}
type IdxOptions = { readonly split: string; readonly count?: number; readonly size: number; readonly out: string }

/** `patronus data`: a data set as a folder of PNG files with attributes.csv, the form that training on a folder reads back. */
export const dataCommand = (): Command =>
  new Command('data')
    .description('write a data set as PNG files with attributes.csv')
    .addCommand(
      new Command('avatars')
        .description('synthetic faces with 13 exact attributes; the same seed gives the same bytes')
        .option('--count <n>', 'how many', whole(1, 1_000_000), 1000)
        .option(
          '--bias <0…1>',
          'how firmly smiling is tied to hair that is not black (1: always, and nobody has red hair)',
          fraction,
          0,
        )
        .option('--seed <n>', 'decides the faces', whole(0), 1)
        .option('--size <pixels>', 'pixels a side', whole(8, 1024), 64)
        .option('-o, --out <folder>', 'where to write', 'data/avatars')
        .action(writeAvatars),
    )
    .addCommand(
      new Command('idx')
        .description('MNIST-like idx files (Fashion-MNIST), plain or .gz; classes become attributes')
        .argument('<folder>', 'folder of the four idx files')
        .option('--split <name>', 'train or test', 'train')
        .option('--count <n>', 'only the first n', whole(1))
        .option('--size <pixels>', 'pixels a side, resized as for training', whole(8, 1024), 32)
        .option('-o, --out <folder>', 'where to write', 'data/idx')
        .action(writeIdx),
    )

async function writeAvatars({ count, bias, seed, size, out }: AvatarOptions): Promise<void> {
  const [{ avatars }, { reporter }] = await Promise.all([import('../train/datasets/avatars.ts'), import('../train/progress.ts')])
  const progress = reporter(process.stderr, 1000)
  const data = await avatars({
    count,
    seed,
    size,
    bias,
    cache: false,
    onProgress: (done, total) => progress.step(done, total, 'faces drawn'),
  })
  await write(data, out)
}

async function writeIdx(folder: string, { split, count, size, out }: IdxOptions): Promise<void> {
  if (split !== 'train' && split !== 'test') throw new Failure(`--split: wanted train or test, got "${split}"`)
  const { idxDataSet } = await import('../train/datasets/idx.ts')
  await write(await idxDataSet(folder, split, { size, count }), out)
}

/** `000000.png` and so on, and one line of yes/no facts for each. */
async function write(data: DataSet, out: string): Promise<void> {
  const [{ default: sharp }, { countOf, facts, pictureSize, pictures }, { writeWhole }] = await Promise.all([
    import('sharp'),
    import('../analysis/data-set.ts'),
    import('../train/files.ts'),
  ])
  const [height, width, channels] = data.shape
  const count = countOf(data)
  const names = Array.from({ length: count }, (_, i) => `${String(i).padStart(6, '0')}.png`)
  const bytesOf = (i: number) =>
    data.images instanceof Uint8Array
      ? data.images.subarray(i * pictureSize(data), (i + 1) * pictureSize(data))
      : Uint8ClampedArray.from(pictures(data, [i]), v => (v + 1) * 127.5)
  await mkdir(out, { recursive: true })
  for (const [i, name] of names.entries())
    await sharp(bytesOf(i), { raw: { width, height, channels: channels as 1 | 3 } })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .png({ compressionLevel: 9 })
      .toFile(path.join(out, name))
  const table = facts(data)
  const lines = names.map((name, i) => [name, ...table.names.map((_, a) => table.values[i * table.names.length + a])].join(','))
  if (table.names.length)
    await writeWhole(path.join(out, 'attributes.csv'), [`${[['file', ...table.names].join(','), ...lines].join('\n')}\n`])
  process.stdout.write(
    `${out}: ${count} pictures of ${width}×${height}${table.names.length ? `, attributes.csv with ${table.names.length} columns` : ''}\n`,
  )
}
