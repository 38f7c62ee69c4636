import type { Command } from 'commander'
import type { Led } from '../analysis/compare-edits.ts'
import type { Emergence } from '../analysis/emergence.ts'
import type { PrototypeComparison } from '../analysis/reports/emergence.ts'
import { whole } from './options.ts'
import { subjectCommand, withSubject, type Subject, type SubjectOptions } from './subject.ts'

export type TraceOptions = {
  /** A list such as "3, 17, 30-32", or all. */
  readonly prototypes: string
  readonly images: number
  readonly steps: number
  readonly seed: number
  readonly advice: boolean
  readonly compare?: boolean
}

type EmergenceOptions = SubjectOptions & TraceOptions

/** `patronus emergence`: when prototypes appear while denoising, and how far back edits must go. */
export const emergenceCommand = (): Command =>
  subjectCommand('emergence', 'measure when prototypes appear while denoising, and how deep edits must go; write a report')
    .option('--prototypes <list>', 'which, for example 3,17,30-32; or all', 'all')
    .option('--images <n>', 'test pictures it is measured on', whole(1), 50)
    .option('--steps <K>', 'steps of the inversion and of every run', whole(2, 1000), 25)
    .option('--no-advice', 'leave out how deep edits must go')
    .option('--compare', 'make the partial and the full edit of every prototype, and compare what they keep')
    .action(run)

async function run(checkpoint: string, options: EmergenceOptions): Promise<void> {
  const [{ emergenceReport }, { writeReport }] = await Promise.all([
    import('../analysis/reports/emergence.ts'),
    import('./report-files.ts'),
  ])
  await withSubject(checkpoint, options, async subject => {
    const begun = performance.now()
    const { found, edits } = await traceEmergence(subject, options)
    const { info } = subject.patronus
    const facts = [
      ...subject.facts,
      ['pictures', `the first ${found.pictures} test pictures`],
      ['steps', String(options.steps)],
      ['seconds', ((performance.now() - begun) / 1000).toFixed(0)],
    ] as const
    const report = emergenceReport(found, { info, facts, edits, seed: options.seed })
    const files = await writeReport(options.out, `emergence-${info.name}`, report)
    process.stdout.write(files.map(file => `${file}\n`).join(''))
  })
}

/** Curves of the prototypes asked for, and where wanted both edits of each. */
export async function traceEmergence(
  { patronus, test, reporter, signal }: Subject,
  { prototypes, images, steps, seed, advice, compare = false }: TraceOptions,
): Promise<{ found: Emergence; edits: PrototypeComparison[] }> {
  const [{ compareEdits }, { parsePrototypes }, { emergence }, { withColumn }, { encodeIn }, { countOf, firstPictures }] =
    await Promise.all([
      import('../analysis/compare-edits.ts'),
      import('../analysis/edits.ts'),
      import('../analysis/emergence.ts'),
      import('../analysis/ranges.ts'),
      import('../analysis/batches.ts'),
      import('../analysis/data-set.ts'),
    ])
  const all = Array.from({ length: patronus.info.config.prototypes.count }, (_, j) => j)
  const x0 = firstPictures(test, Math.min(images, countOf(test)))
  const hooks = (text: string) => ({
    onStep(done: number, total: number) {
      signal.throwIfAborted()
      reporter.step(done, total, text)
    },
  })
  const wanted = prototypes === 'all' ? all : parsePrototypes(prototypes)
  const found = await emergence(patronus, x0, wanted, { steps, seed, advise: compare || advice }, hooks('emergence'))
  const { s } = await encodeIn(patronus, x0, 16)
  const edits: PrototypeComparison[] = []
  const now = () => performance.now()
  let noise: Led | undefined
  for (const { prototype, value, depth } of compare ? found.prototypes : []) {
    if (depth === null) continue
    const change = { s, edited: withColumn(s, prototype, value) }
    const options = { steps, depth, seed, now, noise }
    const comparison = await compareEdits(patronus, x0, change, options, hooks(`edits of ${prototype}`))
    noise = comparison.noise
    edits.push({ prototype, comparison })
  }
  return { found, edits }
}
