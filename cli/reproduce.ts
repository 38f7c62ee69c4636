import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import type { DeviceName } from '../engine/device.ts'
import { commandLine, factsOf } from './facts.ts'
import { Failure, INTERRUPTED } from './failure.ts'
import { deviceOption, whole } from './options.ts'
import type { Stage } from './reproduce/claim.ts'
import type { Experiment, Setting } from './reproduce/stages.ts'
import { onStopSignals } from './signals.ts'

type ReproduceOptions = {
  readonly only?: string
  readonly checkpoints?: string
  readonly pictures: number
  readonly steps: number
  readonly seed: number
  readonly work: string
  readonly out: string
  readonly device: DeviceName
}

/** `patronus reproduce`: the paper's experiments at our scale, every claim with what was measured. */
export const reproduceCommand = (house: string): Command =>
  new Command('reproduce')
    .description(
      "run the paper's experiments on the shipped checkpoints and write each claim, what was measured, and whether it held",
    )
    .option('--only <names>', 'some of quality, atlas, emergence, shortcut, couplings, ablation')
    .option('--checkpoints <folder>', 'where avatars64, avatars64-biased and fmnist32 lie (default: the shipped ones)')
    .option('--pictures <n>', 'test pictures of emergence and shortcut', whole(2), 50)
    .option('--steps <K>', 'steps of inversion and sampling there', whole(4, 1000), 20)
    .option('--seed <n>', 'decides every random choice', whole(0), 1)
    .option(
      '--work <folder>',
      'pages with pictures and reproduction.html in its reports, training runs, finished parts',
      path.join('runs', 'reproduce'),
    )
    .addOption(deviceOption())
    .option('-o, --out <folder>', 'where reproduction.md and .json go', path.join('docs', 'results'))
    .addHelpText('after', '\nAbout an hour on two CPU cores. Ctrl-C stops; finished parts are not made again.')
    .action((options: ReproduceOptions) => reproduce(options, house))

async function reproduce(options: ReproduceOptions, house: string): Promise<void> {
  const [{ experiments }, { reproductionPage }, { writeWhole }, { reporter }] = await Promise.all([
    import('./reproduce/stages.ts'),
    import('./reproduce/claim.ts'),
    import('../train/files.ts'),
    import('../train/progress.ts'),
  ])
  const stop = new AbortController()
  const signals = onStopSignals(() => stop.abort())
  const { pictures, steps, seed, work, device, out, checkpoints = path.join(house, 'checkpoints') } = options
  const told = reporter(process.stderr, 50)
  const setting: Setting = { checkpoints, work, pictures, steps, seed, device, reporter: told, signal: stop.signal }
  try {
    const stages: Stage[] = []
    for (const experiment of chosen(experiments, options.only)) {
      told.say(`${experiment.title}…`)
      stages.push(await finished(experiment, setting))
    }
    const asked = [...new Set(chosen(experiments, options.only).flatMap(({ asks }) => asks))]
    const command = commandLine()
    await writeWhole(path.join(out, 'reproduction.json'), [`${JSON.stringify({ command, stages }, null, 2)}\n`])
    await writeWhole(path.join(out, 'reproduction.md'), [reproductionPage(stages, command, asked)])
    const page = await writePage(setting, stages, asked)
    process.stdout.write(`${path.join(out, 'reproduction.md')}\n${page}\n${path.join(work, 'reports')}\n`)
  } catch (error) {
    if (stop.signal.aborted)
      throw new Failure('cancelled; finished parts are kept, the same command goes on', { code: INTERRUPTED })
    throw error
  } finally {
    signals.release()
  }
}

/** The page that needs nothing else, and all claims as one CSV beside it; gives back where the page is. */
async function writePage({ work, checkpoints, steps, pictures, seed, device }: Setting, stages: Stage[], asked: string[]) {
  const [{ reproductionReport, claimTable }, { writeReport }, { writeWhole }, { tableCsv }, { chooseDevice }] = await Promise.all(
    [
      import('./reproduce/page.ts'),
      import('./report-files.ts'),
      import('../train/files.ts'),
      import('../analysis/csv.ts'),
      import('../engine/device.ts'),
    ],
  )
  const folder = path.join(work, 'reports')
  const ids = await Promise.all(asked.map(name => idOf(path.join(checkpoints, `${name}.safetensors`))))
  const facts = await factsOf({
    checkpoints: asked.map((name, i) => ({ name, id: ids[i] })),
    seed,
    device: await chooseDevice(device),
  })
  const all = [...facts, ['steps', `${steps}`], ['pictures', `${pictures}`]] as const
  const [page] = await writeReport(folder, 'reproduction', reproductionReport(stages, all))
  await writeWhole(path.join(folder, 'reproduction.csv'), [tableCsv(claimTable(stages))])
  return page
}

/** Its whole hash; parts that were finished earlier are told of although the checkpoint is gone. */
async function idOf(file: string): Promise<string> {
  const { readCheckpoint } = await import('../engine/checkpoint/safetensors.ts')
  return readCheckpoint(file).then(
    ({ id }) => id,
    () => 'not there any more',
  )
}

function chosen(experiments: readonly Experiment[], only: string | undefined): readonly Experiment[] {
  if (only === undefined) return experiments
  const names = only.split(/[\s,]+/).filter(Boolean)
  const unknown = names.find(name => !experiments.some(experiment => experiment.name === name))
  if (unknown !== undefined || names.length === 0)
    throw new Failure(`--only wants some of ${experiments.map(({ name }) => name).join(', ')}, got "${unknown ?? only}"`)
  return experiments.filter(({ name }) => names.includes(name))
}

/** From before where nothing changed that decides it; else made now and kept. */
async function finished(experiment: Experiment, setting: Setting): Promise<Stage> {
  const [{ keyOf }, { writeWhole }] = await Promise.all([import('./reproduce/stages.ts'), import('../train/files.ts')])
  const file = path.join(setting.work, `${experiment.name}-${await keyOf(experiment, setting)}.json`)
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return JSON.parse(kept) as Stage
  const begun = performance.now()
  const claims = await experiment.run(setting)
  const { name, title, command } = experiment
  const stage: Stage = { name, title, command, claims, seconds: (performance.now() - begun) / 1000 }
  await writeWhole(file, [`${JSON.stringify(stage, null, 2)}\n`])
  return stage
}
