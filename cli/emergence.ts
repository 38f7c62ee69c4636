import type { Command } from 'commander'
import type { PrototypeComparison } from '../analysis/reports/emergence.ts'
import { whole } from './options.ts'
import { subjectCommand, withSubject, type SubjectOptions } from './subject.ts'

type EmergenceOptions = SubjectOptions & {
  readonly prototypes: string
  readonly images: number
  readonly steps: number
  readonly advice: boolean
  readonly compare?: boolean
}

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
  const [
    { compareEdits },
    { parsePrototypes },
    { emergence },
    { emergenceReport },
    { withColumn },
    { encodeIn },
    { writeReport },
    sets,
  ] = await Promise.all([
    import('../analysis/compare-edits.ts'),
    import('../analysis/edits.ts'),
    import('../analysis/emergence.ts'),
    import('../analysis/reports/emergence.ts'),
    import('../analysis/ranges.ts'),
    import('../analysis/batches.ts'),
    import('./report-files.ts'),
    import('../analysis/data-set.ts'),
  ])
  const { prototypes, images, steps, seed, out, compare = false } = options
  const files = await withSubject(checkpoint, options, async ({ patronus, test, reporter, signal, facts }) => {
    const begun = performance.now()
    const { info } = patronus
    const wanted =
      prototypes === 'all' ? Array.from({ length: info.config.prototypes.count }, (_, j) => j) : parsePrototypes(prototypes)
    const count = Math.min(images, sets.countOf(test))
    const x0 = {
      shape: [count, ...test.shape],
      data: sets.pictures(
        test,
        Array.from({ length: count }, (_, i) => i),
      ),
    }
    const hooks = (text: string) => ({
      onStep(done: number, total: number) {
        signal.throwIfAborted()
        reporter.step(done, total, text)
      },
    })
    const found = await emergence(patronus, x0, wanted, { steps, seed, advise: compare || options.advice }, hooks('emergence'))
    const { s } = await encodeIn(patronus, x0, 16)
    const edits: PrototypeComparison[] = []
    const now = () => performance.now()
    let noise
    for (const { prototype, value, depth } of compare ? found.prototypes : []) {
      if (depth === null) continue
      const change = { s, edited: withColumn(s, prototype, value) }
      const comparison = await compareEdits(
        patronus,
        x0,
        change,
        { steps, depth, seed, now, noise },
        hooks(`edits of ${prototype}`),
      )
      noise = comparison.noise
      edits.push({ prototype, comparison })
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(0)
    const own = [
      ...facts,
      ['pictures', `the first ${count} test pictures`],
      ['steps', String(steps)],
      ['seconds', seconds],
    ] as const
    return writeReport(out, `emergence-${info.name}`, emergenceReport(found, { info, facts: own, edits, seed }))
  })
  process.stdout.write(files.map(file => `${file}\n`).join(''))
}
