import type { Command } from 'commander'
import type { Patronus } from '../engine/patronus.ts'
import { folderArtefacts } from './artefacts.ts'
import { whole } from './options.ts'
import { subjectCommand, withSubject, type Subject, type SubjectOptions } from './subject.ts'

type CouplingsOptions = SubjectOptions & {
  readonly control?: string
  readonly faces: number
  readonly steps: number
  readonly batch: number
  readonly latents: number
}

/** `patronus couplings`: shortcuts where nobody has labels. */
export const couplingsCommand = (): Command =>
  subjectCommand('couplings', 'find shortcuts without labels: raise each prototype, see which others answer elsewhere')
    .option('--control <checkpoint>', 'a clean model of the same kind of pictures; what it couples, too, is no shortcut')
    .option('--faces <n>', 'test pictures each prototype is raised on', whole(2, 64), 8)
    .option('--steps <K>', 'steps of inversion and sampling', whole(2, 1000), 25)
    .option('--batch <n>', 'pictures a network call', whole(1, 512), 32)
    .option('--latents <n>', 'test pictures by which prototypes of both models are matched', whole(10), 500)
    .addHelpText('after', '\nUses the atlas; Ctrl-C stops, the same command goes on where it stopped.')
    .action(couple)

async function couple(checkpoint: string, options: CouplingsOptions): Promise<void> {
  const [{ couplings, readAnswers }, { encodeMany }, { countOf, firstPictures }, { couplingsReport }, { writeReport }, load] =
    await Promise.all([
      import('../analysis/couplings.ts'),
      import('../analysis/regenerate.ts'),
      import('../analysis/data-set.ts'),
      import('../analysis/reports/couplings.ts'),
      import('./report-files.ts'),
      import('../engine/load.ts'),
    ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, test, device, facts } = subject
    const atlas = await atlasOf(subject, patronus, options)
    const control = options.control === undefined ? undefined : await load.loadPatronus(options.control, { device })
    try {
      const latents = firstPictures(test, Math.min(options.latents, countOf(test)))
      const clean = control && {
        answers: await readAnswers(await atlasOf(subject, control, options), control),
        s: await encodeMany(patronus, latents),
        cleanS: await encodeMany(control, latents),
      }
      const reader = control ?? patronus
      const found = couplings(atlas, await readAnswers(atlas, reader), reader, { seed: options.seed, clean })
      const report = couplingsReport({ info: patronus.info, control: control?.info, atlas, couplings: found }, [
        ...facts,
        ...(control ? [['control', `${control.info.name}, ${control.id}`] as const] : []),
      ])
      const files = await writeReport(options.out, `${patronus.info.name}-couplings`, report)
      process.stdout.write(`${report.summary.join('\n')}\n${files.map(file => `${file}\n`).join('')}`)
    } finally {
      await control?.dispose()
    }
  })
}

async function atlasOf({ test, reporter, signal }: Subject, patronus: Patronus, { faces, steps, batch }: CouplingsOptions) {
  const [{ makeAtlas }, { firstPictures }] = await Promise.all([
    import('../analysis/atlas.ts'),
    import('../analysis/data-set.ts'),
  ])
  return makeAtlas(patronus, firstPictures(test, faces), { steps, batch }, folderArtefacts(), {
    onStep: (done, total) => {
      signal.throwIfAborted()
      reporter.step(done, total, `steps of ${batch} pictures, ${patronus.info.name}`)
    },
  })
}
