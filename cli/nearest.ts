import type { Command } from 'commander'
import { Option } from 'commander'
import { parsePrototypes } from '../analysis/edits.ts'
import type { BoxMode } from '../analysis/nearest.ts'
import { whole } from './options.ts'
import { subjectCommand, withSubject, type SubjectOptions } from './subject.ts'

type NearestOptions = SubjectOptions & {
  readonly prototypes?: string
  readonly count: number
  readonly pictures?: number
  readonly box: BoxMode
}

const boxModes = ['receptive field', '95th percentile'] as const satisfies readonly BoxMode[]

/** Pictures that the encoder sees in one go. */
const batch = 64

/** `patronus nearest`: prototypes by the real patches nearest to them. */
export const nearestCommand = (): Command =>
  subjectCommand('nearest', 'show prototypes by the real patches nearest to them, as ProtoPNet does')
    .option('--prototypes <list>', 'such as "3, 17, 30-32" (default: all)')
    .option('-k, --count <n>', 'patches a prototype, at most one of a picture', whole(1, 64), 8)
    .option('--pictures <n>', 'test pictures that are searched (default: all)', whole(1))
    .addOption(new Option('--box <mode>', 'what is framed').choices(boxModes).default(boxModes[0]))
    .action(nearest)

async function nearest(checkpoint: string, options: NearestOptions): Promise<void> {
  const [
    { nearestPatches, showPatches },
    { checkPictures, countOf, picturesFrom },
    { nearestReport },
    { checkPrototype },
    { concat },
    { writeReport },
  ] = await Promise.all([
    import('../analysis/nearest.ts'),
    import('../analysis/data-set.ts'),
    import('../analysis/reports/nearest.ts'),
    import('../analysis/ranges.ts'),
    import('../model/tensor.ts'),
    import('./report-files.ts'),
  ])
  await withSubject(checkpoint, options, async ({ patronus, test, reporter, signal, facts }) => {
    const { info } = patronus
    checkPictures(test, info)
    const every = Array.from({ length: info.config.prototypes.count }, (_, j) => j)
    const wanted =
      options.prototypes === undefined ? every : parsePrototypes(options.prototypes).map(j => checkPrototype(j, info))
    const pictures = Math.min(options.pictures ?? Infinity, countOf(test))
    function* batches() {
      for (let from = 0; from < pictures; from += batch) {
        signal.throwIfAborted()
        yield picturesFrom(test, from, Math.min(from + batch, pictures))
        reporter.step(Math.min(from + batch, pictures), pictures, 'pictures searched')
      }
    }
    const found = await nearestPatches(patronus, batches(), options.count)
    const shown = []
    for (const j of wanted) {
      const own = concat(found[j].map(({ image }) => picturesFrom(test, image, image + 1)))
      shown.push(await showPatches(patronus, j, found[j], own, options.box))
    }
    const report = nearestReport({ info, data: test.name, pictures, mode: options.box, shown }, facts)
    const files = await writeReport(options.out, `${info.name}-nearest`, report)
    process.stdout.write(`${report.summary.join('\n')}\n${files.map(file => `${file}\n`).join('')}`)
  })
}
