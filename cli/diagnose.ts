import type { Command } from 'commander'
import type { Diagnosis, Raise } from '../analysis/diagnose.ts'
import type { ExamineOptions } from '../analysis/examine.ts'
import { parsePrototypes } from '../analysis/edits.ts'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import type { Patronus } from '../engine/patronus.ts'
import { Failure } from './failure.ts'
import { collected, editOption, noiseOption, whole } from './options.ts'
import { subjectCommand, withSubject, type SubjectOptions } from './subject.ts'

type DiagnoseOptions = SubjectOptions & {
  readonly control?: string
  readonly raise?: readonly string[]
  readonly pictures: number
  readonly latents: number
  readonly top: number
  readonly edit: EditKind
  readonly noise: NoiseKind
  readonly random: number
  readonly steps: number
  readonly batch: number
}

/** `patronus diagnose`: what a model ties together that does not belong together. */
export const diagnoseCommand = (): Command =>
  subjectCommand('diagnose', 'find shortcuts: raise what stands for A, read B with a classifier that never met the model')
    .option('--control <checkpoint>', 'a clean model of the same pictures, diagnosed beside it')
    .option(
      '--raise <name=prototypes>',
      'raise these to their maximum, such as "black hair=12, 40"; repeatable (default: as --edit says)',
      collected,
    )
    .option('--pictures <n>', 'test pictures that are formed again', whole(1), 50)
    .option('--latents <n>', 'test pictures that tell which prototypes stand for what', whole(2), 1000)
    .option('--top <k>', 'prototypes that stand for an attribute', whole(1), 2)
    .addOption(editOption('bring A by its prototypes at their maximum, or by moving all of s to what is usual with A', 'usual'))
    .addOption(noiseOption())
    .option('--random <n>', 'random groups raised for comparison; with --edit usual, at least one an attribute', whole(0), 4)
    .option('--steps <K>', 'steps of inversion and sampling', whole(2, 1000), 25)
    .option('--batch <n>', 'pictures a network call', whole(1, 512), 16)
    .action(diagnose)

/** "name=3, 17" as a group to raise. */
export function parseRaise(text: string): Raise {
  const [, name, list] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined) throw new Failure(`--raise wants name=prototypes such as "black hair=12, 40", got "${text}"`)
  return { name: name.trim(), prototypes: parsePrototypes(list) }
}

async function diagnose(checkpoint: string, options: DiagnoseOptions): Promise<void> {
  const [{ suspiciousPairs, exclusiveGroups }, { examine }, { diagnoseReport }, { writeReport }, { loadPatronus }] =
    await Promise.all([
      import('../analysis/diagnose.ts'),
      import('../analysis/examine.ts'),
      import('../analysis/reports/diagnose.ts'),
      import('./report-files.ts'),
      import('../engine/load.ts'),
    ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, test, facts, reporter, signal } = subject
    const ask = async (asked: Patronus, how: Pick<ExamineOptions, 'raises' | 'random'>) =>
      examine(
        asked,
        test,
        await subject.reader(),
        { ...options, ...how },
        {
          onStep: (done, total) => {
            signal.throwIfAborted()
            reporter.step(done, total, `steps of ${options.batch} pictures, ${asked.info.name}`)
          },
        },
      )
    const { diagnosis, random } = await ask(patronus, { raises: options.raise?.map(parseRaise), random: options.random })
    let control: { patronus: Patronus; diagnosis: Diagnosis } | undefined
    if (options.control !== undefined) {
      const clean = await loadPatronus(options.control, { device: subject.device })
      const { diagnosis } = await ask(clean, { random: 0 })
      control = { patronus: clean, diagnosis }
      await clean.dispose()
    }
    const report = diagnoseReport(
      {
        info: patronus.info,
        diagnosis,
        random,
        pairs: suspiciousPairs(diagnosis, random, control?.diagnosis, exclusiveGroups(test)),
        ...(control && { control: { info: control.patronus.info, diagnosis: control.diagnosis } }),
      },
      [...facts, ...(control ? [['control', `${control.patronus.info.name}, ${control.patronus.id}`] as const] : [])],
    )
    const files = await writeReport(options.out, `${patronus.info.name}-shortcuts`, report)
    process.stdout.write(`${report.summary.join('\n')}\n${files.map(file => `${file}\n`).join('')}`)
  })
}
