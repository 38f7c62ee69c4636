import { mkdir } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { Command } from 'commander'
import type { CheckpointInfo } from '../engine/patronus.ts'
import type { DeviceName } from '../engine/device.ts'
import { Failure } from './failure.ts'
import { deviceOption, whole } from './options.ts'
import { withSubject, type Subject } from './subject.ts'

type RangesOptions = {
  readonly data?: string
  readonly images?: number
  readonly seed: number
  readonly device: DeviceName
  readonly out?: string
  readonly write?: boolean
}

/** `patronus ranges`: measures which values of s are plausible for each prototype, and keeps them in the checkpoint. */
export const rangesCommand = (): Command =>
  new Command('ranges')
    .description("measure each prototype's range of s over training pictures; write it into the checkpoint, or print it")
    .argument('<checkpoint>', "a .safetensors file, or the authors' folder or ckpt.tar")
    .option('--data <config>', "training config whose training pictures are measured (default: the checkpoint's own)")
    .option('--images <n>', 'measure only so many of them, drawn at random', whole(1))
    .option('--seed <n>', 'decides which', whole(0), 1)
    .addOption(deviceOption())
    .option('-o, --out <file>', 'the .safetensors file to write; its id differs from the old one, because the file does')
    .option('--write', 'write into the checkpoint itself, whole or not at all; its id changes, because the file does')
    .action(ranges)

async function ranges(checkpoint: string, options: RangesOptions): Promise<void> {
  const target = targetOf(checkpoint, options)
  await withSubject(checkpoint, options, async subject => {
    const info = await measure(subject, options)
    if (target === undefined) return print(info)
    subject.signal.throwIfAborted()
    const id = await save(checkpoint, target, info)
    process.stdout.write(`${target}\nid ${subject.patronus.id} became ${id}, because the file changed\n`)
  })
}

/** Where the ranges go; settled before minutes are spent on them. */
function targetOf(checkpoint: string, { out, write }: RangesOptions): string | undefined {
  if (out !== undefined && write) throw new Failure('--write and --out exclude each other; give one of them')
  if (write && extname(checkpoint) !== '.safetensors')
    throw new Failure(`--write changes .safetensors files only, got ${checkpoint}; name a new file with -o`)
  return write ? checkpoint : out
}

/** The checkpoint's description with its ranges measured anew. */
async function measure(
  { patronus, train: load, reporter, signal }: Subject,
  { images, seed }: RangesOptions,
): Promise<CheckpointInfo> {
  const [{ encodeAll }, { countOf, pictureBatches }, { prototypeRanges }, { shuffled }] = await Promise.all([
    import('../analysis/batches.ts'),
    import('../analysis/data-set.ts'),
    import('../analysis/prototype-ranges.ts'),
    import('../model/noise.ts'),
  ])
  const train = await load()
  const all = countOf(train)
  const count = Math.min(images ?? all, all)
  const chosen = shuffled(all, seed).subarray(0, count).sort()
  const onBatch = (done: number, total: number) => reporter.step(done, total, 'pictures encoded')
  const s = await encodeAll(async x => (await patronus.encode(x)).s, pictureBatches(train, { chosen, onBatch }), signal)
  const drawn = count < all ? `${count} of ${all} training pictures, seed ${seed}` : `all ${all} training pictures`
  return {
    ...patronus.info,
    ranges: prototypeRanges(s),
    rangesOver: count,
    provenance: { ...patronus.info.provenance, rangesFrom: `${train.name}: ${drawn}` },
  }
}

async function save(checkpoint: string, target: string, info: CheckpointInfo): Promise<string> {
  const { writeCheckpoint, writeCheckpointInfo } = await import('../engine/checkpoint/safetensors.ts')
  await mkdir(dirname(target), { recursive: true })
  if (extname(checkpoint) === '.safetensors') return writeCheckpointInfo(checkpoint, target, info)
  const { openCheckpoint } = await import('../engine/checkpoint/open.ts')
  const { weights } = await openCheckpoint(checkpoint)
  return writeCheckpoint(target, { info, weights })
}

async function print(info: CheckpointInfo): Promise<void> {
  const { rangesText } = await import('./ranges-text.ts')
  process.stdout.write(rangesText(info))
}
