import type { Command } from 'commander'
import { parsePrototypes } from '../analysis/edits.ts'
import { drawAtlas, type DrawOptions } from './draw-atlas.ts'
import { whole } from './options.ts'
import { subjectCommand, withSubject, type SubjectOptions } from './subject.ts'

type AtlasOptions = SubjectOptions & DrawOptions & { readonly prototypes?: string; readonly beside: boolean }

/** `patronus atlas`: every prototype drawn, once and for all. */
export const atlasCommand = (): Command =>
  subjectCommand('atlas', 'draw every prototype on a few pictures; puts the atlas beside the checkpoint, and a report')
    .option('--faces <n>', 'test pictures each prototype is raised on', whole(1, 64), 8)
    .option('--steps <K>', 'steps of inversion and sampling', whole(2, 1000), 25)
    .option('--batch <n>', 'pictures a network call', whole(1, 512), 32)
    .option('--prototypes <list>', 'only these, such as "3, 17, 30-32"; then nothing is put beside the checkpoint')
    .option('--no-beside', 'write the report only')
    .addHelpText('after', '\nCtrl-C stops; the same command goes on where it stopped.')
    .action(atlas)

async function atlas(checkpoint: string, options: AtlasOptions): Promise<void> {
  const [{ sheetFor }, { atlasReport }, { writeReport }, { writeAtlas }] = await Promise.all([
    import('../analysis/atlas-file.ts'),
    import('../analysis/reports/atlas.ts'),
    import('./report-files.ts'),
    import('../train/atlas-sheet.ts'),
  ])
  await withSubject(checkpoint, options, async subject => {
    const { patronus, facts } = subject
    const prototypes = options.prototypes === undefined ? undefined : parsePrototypes(options.prototypes)
    const isPutBeside = options.beside && !prototypes && checkpoint.endsWith('.safetensors')
    const { prototypes: all, image } = patronus.info.config
    if (isPutBeside) sheetFor(all.count, options.faces, image) // what cannot be written need not be computed
    const made = await drawAtlas(subject, patronus, options, { prototypes })
    const files = await writeReport(options.out, `${patronus.info.name}-atlas`, atlasReport(made, patronus.info, facts))
    if (isPutBeside) files.push(...(await writeAtlas(checkpoint.replace(/\.safetensors$/, ''), made, patronus.id)))
    process.stdout.write(files.map(file => `${file}\n`).join(''))
  })
}
