import { Command } from 'commander'
import type { Report } from '../analysis/report.ts'
import type { DeviceName } from '../engine/device.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { DataSet } from '../train/datasets/dataset.ts'
import type { Reporter } from '../train/progress.ts'
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
  readonly train: DataSet
  readonly test: DataSet
  readonly reporter: Reporter
  readonly signal: AbortSignal
  /** What makes a report repeatable; analyses add their own. */
  readonly facts: Report['facts']
}

/** Opens what the options name, runs, and closes it again, whatever happens. Ctrl-C cancels. */
export async function withSubject<T>(
  checkpoint: string,
  { data, device, seed, names = 'data' }: SubjectOptions,
  run: (subject: Subject) => Promise<T>,
): Promise<T> {
  const [{ withNames }, { chooseDevice }, { loadPatronus }, { readConfig }, { dataOf }, { loadData }, { reporter }] =
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
    try {
      const patronus = { ...loaded, info: withNames(loaded.info, await namesOf(loaded.id, names)) }
      const config = data === undefined ? dataOf(patronus.info) : (await readConfig(data)).data
      const sets = await loadData(config, { signal: stop.signal, reporter: told })
      const facts = [
        ['command', `patronus ${process.argv.slice(2).join(' ')}`],
        ['checkpoint', `${patronus.info.name}, ${patronus.id}`],
        ['data set', sets.test.name],
        ['seed', String(seed)],
        ['device', `${chosen.device}: ${chosen.reason}`],
        ['versions', `Node ${process.version}`],
      ] as const
      return await run({ patronus, ...sets, reporter: told, signal: stop.signal, facts })
    } finally {
      await loaded.dispose()
    }
  } catch (error) {
    if (stop.signal.aborted) throw new Failure('cancelled; no report was written', { code: INTERRUPTED })
    throw error
  } finally {
    signals.release()
  }
}
