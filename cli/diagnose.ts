import type { Command } from 'commander'
import type { Diagnosis, Raise } from '../analysis/diagnose.ts'
import { parsePrototypes } from '../analysis/edits.ts'
import type { Patronus } from '../engine/patronus.ts'
import { rows } from '../model/tensor.ts'
import { Failure } from './failure.ts'
import { collected, whole } from './options.ts'
import { subjectCommand, withSubject, type Subject, type SubjectOptions } from './subject.ts'

/** How one model is examined. */
export type ExamineOptions = {
  readonly raise?: readonly string[]
  readonly seed: number
  readonly pictures: number
  readonly latents: number
  readonly top: number
  readonly random: number
  readonly steps: number
  readonly batch: number
}

type DiagnoseOptions = SubjectOptions & ExamineOptions & { readonly control?: string }

/** `patronus diagnose`: what a model ties together that does not belong together. */
export const diagnoseCommand = (): Command =>
  subjectCommand('diagnose', 'find shortcuts: raise what stands for A, read B with a classifier that never met the model')
    .option('--control <checkpoint>', 'a clean model of the same pictures, diagnosed beside it')
    .option('--raise <name=prototypes>', 'raise these, such as "black hair=12, 40"; repeatable (default: by AUROC)', collected)
    .option('--pictures <n>', 'test pictures that are formed again', whole(1), 50)
    .option('--latents <n>', 'test pictures that tell which prototypes stand for what', whole(2), 1000)
    .option('--top <k>', 'prototypes that stand for an attribute', whole(1), 2)
    .option('--random <n>', 'groups of random prototypes raised for comparison', whole(0), 4)
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
  const [{ suspiciousPairs, exclusiveGroups }, { firstPictures }, { diagnoseReport }, { writeReport }, { loadPatronus }] =
    await Promise.all([
      import('../analysis/diagnose.ts'),
      import('../analysis/data-set.ts'),
      import('../analysis/reports/diagnose.ts'),
      import('./report-files.ts'),
      import('../engine/load.ts'),
    ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, test, facts } = subject
    const { diagnosis, random } = await examine(subject, patronus, options)
    let control: { patronus: Patronus; diagnosis: Diagnosis } | undefined
    if (options.control !== undefined) {
      const clean = await loadPatronus(options.control, { device: subject.device })
      const { diagnosis } = await examine(subject, clean, { ...options, random: 0, raise: undefined })
      control = { patronus: clean, diagnosis }
      await clean.dispose()
    }
    const report = diagnoseReport(
      {
        info: patronus.info,
        diagnosis,
        random,
        pairs: suspiciousPairs(diagnosis, random, control?.diagnosis, exclusiveGroups(test)),
        x0: firstPictures(test, diagnosis.pictures),
        ...(control && { control: { info: control.patronus.info, diagnosis: control.diagnosis } }),
      },
      [...facts, ...(control ? [['control', `${control.patronus.info.name}, ${control.patronus.id}`] as const] : [])],
    )
    const files = await writeReport(options.out, `${patronus.info.name}-shortcuts`, report)
    process.stdout.write(`${report.summary.join('\n')}\n${files.map(file => `${file}\n`).join('')}`)
  })
}

/** One model: who stands for what, all of it raised, and random groups besides. */
export async function examine({ test, reporter, signal, reader }: Subject, patronus: Patronus, options: ExamineOptions) {
  const [{ raiseEffects, raisesOf, randomRaises }, { encodeIn }, { countOf, firstPictures }] = await Promise.all([
    import('../analysis/diagnose.ts'),
    import('../analysis/batches.ts'),
    import('../analysis/data-set.ts'),
  ])
  const count = Math.min(options.latents, countOf(test))
  const pictures = Math.min(options.pictures, countOf(test))
  const all = firstPictures(test, Math.max(count, pictures))
  const s = (await encodeIn(patronus, rows(all, 0, count))).s
  const raises = options.raise ? options.raise.map(parseRaise) : raisesOf(s, test, options.top)
  const named = raises.flatMap(({ prototypes }) => prototypes)
  const m = patronus.info.config.prototypes.count
  const groups = randomRaises(m, options.top, options.random, named, options.seed)
  const { steps, batch, seed } = options
  const found = await raiseEffects(
    patronus,
    rows(all, 0, pictures),
    await reader(),
    [...raises, ...groups],
    { steps, batch, seed },
    {
      onStep: (done, total) => {
        signal.throwIfAborted()
        reporter.step(done, total, `steps of ${batch} pictures, ${patronus.info.name}`)
      },
    },
  )
  return {
    diagnosis: { ...found, raises: found.raises.slice(0, raises.length) },
    random: found.raises.slice(raises.length),
  }
}
