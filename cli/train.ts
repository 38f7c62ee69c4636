import { Command } from 'commander'
import { Failure, INTERRUPTED } from './failure.ts'
import type { DeviceName } from '../engine/device.ts'
import { clockTime, trainingDeviceOption, whole } from './options.ts'
import { onStopSignals } from './signals.ts'

type TrainOptions = {
  readonly out?: string
  readonly resume?: boolean
  readonly steps?: number
  readonly freezeAt?: number
  readonly finishBy?: number
  readonly stopAfter?: number
  readonly half?: boolean
  readonly device: DeviceName
}

/** `patronus train`: a training run by its config, resumable after any kill. */
export const trainCommand = (): Command =>
  new Command('train')
    .description('train a model and its prior, and write a checkpoint with its card')
    .argument('<config>', 'avatars64, fmnist32, tiny, or a JSON file (which may say "extends": "avatars64")')
    .option('-o, --out <folder>', "the run's folder (default: runs/<name>)")
    .option('--resume', 'go on with the run that lies there')
    .option('--steps <n>', "steps of the denoiser, instead of the config's", whole(1))
    .option('--freeze-at <n>', 'step from which encoder and prototypes stand still', whole(0))
    .option('--finish-by <hh:mm[:ss]>', 'be done with the denoiser by that time; its rates fall in time for it', text =>
      clockTime(text),
    )
    .option('--stop-after <seconds>', 'save and stop after that long', whole(1))
    .addOption(trainingDeviceOption())
    .option('--half', 'write the checkpoint with half-precision weights where that does no harm')
    .addHelpText('after', '\nCtrl-C saves and stops; --resume goes on from there with the same result as an uninterrupted run.')
    .action(train)

async function train(name: string, options: TrainOptions): Promise<void> {
  const [{ readConfig }, { runTraining, Stopped }, { reporter }] = await Promise.all([
    import('../train/configs.ts'),
    import('../train/main.ts'),
    import('../train/progress.ts'),
  ])
  const base = await readConfig(name)
  const config = { ...base, steps: options.steps ?? base.steps, freezeEncoderAt: options.freezeAt ?? base.freezeEncoderAt }
  const stop = new AbortController()
  const signals = onStopSignals(() => stop.abort())
  try {
    const { checkpoint, card } = await runTraining(config, {
      out: options.out ?? `runs/${config.name}`,
      resume: options.resume,
      signal: stop.signal,
      stopAfterSeconds: options.stopAfter,
      finishBy: options.finishBy,
      device: options.device,
      dtype: options.half ? 'F16' : 'F32',
      reporter: reporter(process.stderr, config.every.log),
      command: `patronus train ${process.argv.slice(3).join(' ')}`,
    })
    process.stdout.write(`${checkpoint}\n${card}\n`)
  } catch (error) {
    if (error instanceof Stopped) throw new Failure(error.message, { code: INTERRUPTED })
    throw error
  } finally {
    signals.release()
  }
}
