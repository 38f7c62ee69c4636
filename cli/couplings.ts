import type { Command } from 'commander'
import type { Counterparts } from '../analysis/counterpart.ts'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import type { Patronus } from '../engine/patronus.ts'
import type { Tensor } from '../model/tensor.ts'
import { drawAtlas, type DrawOptions } from './draw-atlas.ts'
import { editOption, noiseOption, whole } from './options.ts'
import { subjectCommand, withSubject, type Subject, type SubjectOptions } from './subject.ts'

type CouplingsOptions = SubjectOptions & CouplingsHow & { readonly control?: string }

type CouplingsHow = DrawOptions & {
  readonly latents: number
  readonly edit: EditKind
  readonly noise: NoiseKind
}

/** `patronus couplings`: shortcuts where nobody has labels. */
export const couplingsCommand = (): Command =>
  subjectCommand('couplings', 'find shortcuts without labels: raise each prototype, see which others answer elsewhere')
    .option('--control <checkpoint>', 'a clean model of the same kind of pictures; what it couples, too, is no shortcut')
    .option('--faces <n>', 'test pictures each prototype is raised on', whole(2, 64), 24)
    .option('--steps <K>', 'steps of sampling, and of inversion', whole(2, 1000), 12)
    .option('--batch <n>', 'pictures a network call', whole(1, 512), 32)
    .option(
      '--latents <n>',
      'test pictures that say what is usual, and by which prototypes of both models are matched',
      whole(10),
      500,
    )
    .addOption(
      editOption('raise a prototype alone to its maximum, or move all of s to what is usual where it is strong', 'usual'),
    )
    .addOption(noiseOption())
    .addHelpText('after', '\nCtrl-C stops, the same command goes on where it stopped.')
    .action(couple)

async function couple(checkpoint: string, options: CouplingsOptions): Promise<void> {
  const [{ couplingsReport }, { writeReport }, { loadPatronus }] = await Promise.all([
    import('../analysis/reports/couplings.ts'),
    import('./report-files.ts'),
    import('../engine/load.ts'),
  ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, device, facts } = subject
    const control = options.control === undefined ? undefined : await loadPatronus(options.control, { device })
    try {
      const found = await findCouplings(subject, control, options)
      const report = couplingsReport({ info: patronus.info, control: control?.info, ...found }, [
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

/** The couplings of a model, read by a clean one where there is one. */
export async function findCouplings(
  subject: Subject,
  control: Patronus | undefined,
  { latents, edit, noise, ...options }: CouplingsHow & { readonly seed: number },
) {
  const [{ couplings, readAnswers }, { encodeIn }, { countOf, firstPictures }] = await Promise.all([
    import('../analysis/couplings.ts'),
    import('../analysis/batches.ts'),
    import('../analysis/data-set.ts'),
  ])
  const { patronus, test } = subject
  const pictures = firstPictures(test, Math.min(latents, countOf(test)))
  const draw = (model: Patronus, s: Tensor, counterpart?: Counterparts) =>
    drawAtlas(subject, model, options, {
      ...(edit === 'usual' && { usual: s }),
      ...(noise === 'fresh' && { fresh: options.seed }),
      ...(counterpart && { counterpart }),
    })
  const { s } = await encodeIn(patronus, pictures)
  const atlas = await draw(patronus, s)
  const cleanModel = async (model: Patronus) => {
    const counterparts = { theirs: s, own: (await encodeIn(model, pictures)).s }
    return { answers: await readAnswers(await draw(model, counterparts.own, counterparts), model, atlas), counterparts }
  }
  const clean = control && (await cleanModel(control))
  const reader = control ?? patronus
  return {
    atlas,
    edit,
    noise,
    couplings: couplings(atlas, await readAnswers(atlas, reader), reader, { seed: options.seed, clean }),
  }
}
