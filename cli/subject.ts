import { Command } from 'commander'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { Report } from '../analysis/report.ts'
import type { DeviceChoice, DeviceName } from '../engine/device.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { Classifier } from '../train/classifier.ts'
import type { Reporter } from '../train/progress.ts'
import { factsOf } from './facts.ts'
import { Failure, INTERRUPTED } from './failure.ts'
import { namesOf } from './kept-names.ts'
import { deviceOption, whole } from './options.ts'
import { onStopSignals } from './signals.ts'

/** What every command that asks a checkpoint something shares: its options, and opening and closing of what they name. */
export type SubjectOptions = {
  readonly data?: string
  readonly device: DeviceName
  readonly seed: number
  readonly out: string
  /** Data folder of the server whose names of prototypes are used; default `data`. */
  readonly names?: string
}

/** `patronus <name> <checkpoint>` with the options above. */
export const subjectCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument('<checkpoint>', "a .safetensors file, or the authors' folder or ckpt.tar")
    .option('--data <config>', "training config whose data set it is asked about (default: the checkpoint's own)")
    .option('--seed <n>', 'decides every random choice', whole(0), 1)
    .addOption(deviceOption())
    .option('-o, --out <folder>', 'where the report goes', 'reports')
    .option('--names <folder>', 'data folder of the server, whose names of prototypes are used', 'data')

export type Subject = {
  readonly patronus: Patronus
  readonly test: DataSet
  /** Its training pictures, all or the first `count`, loaded when asked for. */
  train(count?: number): Promise<DataSet>
  /** What reads its attributes in pictures; made when asked for, closed with the rest. */
  reader(): Promise<AttributeReader>
  readonly device: DeviceChoice
  readonly reporter: Reporter
  readonly signal: AbortSignal
  /** What makes a report repeatable; analyses add their own. */
  readonly facts: Report['facts']
}

/** Opens what the options name, runs, and closes it again, whatever happens. Ctrl-C cancels. */
export async function withSubject<T>(
  checkpoint: string,
  { data, device, seed, names = 'data' }: Omit<SubjectOptions, 'out'>,
  run: (subject: Subject) => Promise<T>,
): Promise<T> {
  const [{ withNames }, { chooseDevice }, { loadPatronus }, { readConfig }, { dataOf, firstOf }, { loadSplit }, { reporter }] =
    await Promise.all([
      import('../analysis/naming.ts'),
      import('../engine/device.ts'),
      import('../engine/load.ts'),
      import('../train/configs.ts'),
      import('../train/data-of.ts'),
      import('../train/datasets/load.ts'),
      import('../train/progress.ts'),
    ])
  const stop = new AbortController()
  const signals = onStopSignals(() => stop.abort())
  const told = reporter(process.stderr, 20)
  try {
    const chosen = await chooseDevice(device)
    const loaded = await loadPatronus(checkpoint, { device: chosen })
    let reader: Promise<Classifier> | undefined
    try {
      const patronus = { ...loaded, info: withNames(loaded.info, await namesOf(loaded.id, names)) }
      const config = data === undefined ? dataOf(patronus.info) : (await readConfig(data)).data
      const load = (split: 'train' | 'test', count = Infinity) =>
        loadSplit(firstOf(config, split, count), split, { signal: stop.signal, reporter: told })
      const test = await load('test')
      const facts = await factsOf({
        checkpoints: [{ name: patronus.info.name, id: patronus.id }],
        dataSet: test.name,
        seed,
        device: chosen,
      })
      return await run({
        patronus,
        test,
        train: count => load('train', count),
        reader: () => (reader ??= openReader(test, load, told, stop.signal)),
        device: chosen,
        reporter: told,
        signal: stop.signal,
        facts,
      })
    } finally {
      await reader?.then(opened => opened.dispose()).catch(() => {})
      await loaded.dispose()
    }
  } catch (error) {
    if (stop.signal.aborted) throw new Failure('cancelled; no report was written', { code: INTERRUPTED })
    throw error
  } finally {
    signals.release()
  }
}

/** Synthetic faces have a reader of their own; other sets teach one on their training pictures, which it then knows but no model does. */
async function openReader(
  test: DataSet,
  load: (split: 'train') => Promise<DataSet>,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Classifier> {
  if (!test.attributes) throw new Failure(`${test.name} has no attributes to read; give a data set with an attribute table`)
  const [{ avatarReader, isFaces, trainedReader }, { shippedReader }] = await Promise.all([
    import('../train/readers.ts'),
    import('./sources.ts'),
  ])
  const [size] = test.shape
  if (isFaces(test)) return avatarReader(test.attributes.names, size, { shipped: shippedReader(), reporter, signal })
  return trainedReader(await load('train'), { reporter, signal })
}
