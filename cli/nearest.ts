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
  readonly split: 'train' | 'test'
  readonly generated: boolean
}

const boxModes = ['receptive field', '95th percentile'] as const satisfies readonly BoxMode[]

/** As the atlas is drawn, so that parts of it that were made before serve here. */
const drawing = { steps: 25, batch: 32 } as const

/** `patronus nearest`: prototypes by the real patches nearest to them. */
export const nearestCommand = (): Command =>
  subjectCommand('nearest', 'show prototypes by the real patches nearest to them, as ProtoPNet does')
    .option('--prototypes <list>', 'such as "3, 17, 30-32" (default: all)')
    .option('-k, --count <n>', 'patches a prototype, at most one of a picture', whole(1, 64), 8)
    .addOption(new Option('--split <name>', 'which of its pictures are searched').choices(['train', 'test']).default('train'))
    .option('--pictures <n>', 'search only the first so many of them', whole(1))
    .option('--no-generated', 'leave out the patches that the model draws when the prototype is raised')
    .addOption(new Option('--box <mode>', 'what is framed').choices(boxModes).default(boxModes[0]))
    .action(nearest)

async function nearest(checkpoint: string, options: NearestOptions): Promise<void> {
  const [
    { nearestPatches, showPatches },
    { checkPictures, countOf, pictureBatches, picturesFrom },
    { nearestReport },
    { checkPrototype },
    { concat },
    { writeReport },
    { drawAtlas },
  ] = await Promise.all([
    import('../analysis/nearest.ts'),
    import('../analysis/data-set.ts'),
    import('../analysis/reports/nearest.ts'),
    import('../analysis/ranges.ts'),
    import('../model/tensor.ts'),
    import('./report-files.ts'),
    import('./draw-atlas.ts'),
  ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, test, reporter, signal, facts } = subject
    const { info } = patronus
    const data = options.split === 'train' ? await subject.train() : test
    checkPictures(data, info)
    const every = Array.from({ length: info.config.prototypes.count }, (_, j) => j)
    const wanted =
      options.prototypes === undefined ? every : parsePrototypes(options.prototypes).map(j => checkPrototype(j, info))
    const pictures = Math.min(options.pictures ?? Infinity, countOf(data))
    const onBatch = (done: number, total: number) => {
      signal.throwIfAborted()
      reporter.step(done, total, 'pictures searched')
    }
    const found = await nearestPatches(patronus, pictureBatches(data, { count: pictures, onBatch }), options.count)
    const shown = []
    for (const j of wanted) {
      const own = concat(found[j].map(({ image }) => picturesFrom(data, image, image + 1)))
      shown.push(await showPatches(patronus, j, found[j], own, options.box))
    }
    const faces = Math.min(options.count, countOf(test))
    const generated = options.generated
      ? await drawAtlas(subject, patronus, { ...drawing, faces }, { prototypes: wanted })
      : undefined
    const report = nearestReport({ info, data: data.name, pictures, mode: options.box, shown, generated }, facts)
    const files = await writeReport(options.out, `${info.name}-nearest`, report)
    process.stdout.write(`${report.summary.join('\n')}\n${files.map(file => `${file}\n`).join('')}`)
  })
}
