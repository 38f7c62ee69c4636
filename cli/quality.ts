import path from 'node:path'
import { Command } from 'commander'
import type { DeviceName } from '../engine/device.ts'
import { Failure, INTERRUPTED } from './failure.ts'
import { namesOf } from './kept-names.ts'
import { deviceOption, whole } from './options.ts'
import { onStopSignals } from './signals.ts'

type QualityOptions = {
  readonly data?: string
  readonly samples?: number
  readonly latents?: number
  readonly reconstructions?: number
  readonly steps?: number
  readonly seed?: number
  readonly device: DeviceName
  readonly inception?: string
  readonly out: string
  readonly report: string
  readonly sources: boolean
  readonly names: string
  readonly json?: boolean
}

/** `patronus quality`: measures a checkpoint and writes the report. */
export const qualityCommand = (): Command =>
  new Command('quality')
    .description(
      'measure a checkpoint (reconstruction, attribute agreement, latent AUROC, TAD, DCI, FD, KID, untrained control) and write a report, as Markdown and as a page that needs nothing else',
    )
    .argument('<checkpoint>', 'a .safetensors file')
    .option('--data <config>', "training config whose data set it is judged on (default: the checkpoint's own)")
    .option('--samples <n>', 'test pictures drawn anew from their s', whole(1))
    .option('--latents <n>', 'pictures that s is judged on', whole(1))
    .option('--reconstructions <n>', 'test pictures reconstructed', whole(1))
    .option('--steps <K>', 'steps of inversion and sampling', whole(1, 1000))
    .option('--seed <n>', 'decides the noise', whole(0))
    .addOption(deviceOption())
    .option('--inception <file>', 'an Inception-v3 as ONNX ([N,3,299,299] to [N,2048]): measures the FID, too')
    .option('--no-sources', "leave the data set's own pictures out of the sheet")
    .option('-o, --out <folder>', 'where the report goes as Markdown, JSON and PNG', path.join('docs', 'results'))
    .option('--report <folder>', 'where it goes as one HTML page with figures, and its tables as CSV', 'reports')
    .option('--names <folder>', 'data folder of the server, whose names of prototypes are shown', 'data')
    .option('--json', 'print the whole report as one JSON object')
    .action(quality)

async function quality(checkpoint: string, options: QualityOptions): Promise<void> {
  const [{ qualityReport }, { qualityPage }, { factsOf }, { writeReport }, { readConfig }, { reporter }] = await Promise.all([
    import('../train/quality.ts'),
    import('../train/quality-page.ts'),
    import('./facts.ts'),
    import('./report-files.ts'),
    import('../train/configs.ts'),
    import('../train/progress.ts'),
  ])
  const { data, json, out, report: pages, names, ...how } = options
  const stop = new AbortController()
  const signals = onStopSignals(() => stop.abort())
  try {
    const measured = await qualityReport(checkpoint, {
      ...how,
      ...(data !== undefined && { data: (await readConfig(data)).data }),
      output: out,
      names: id => namesOf(id, names),
      command: `patronus quality ${process.argv.slice(3).join(' ')}`,
      reporter: reporter(process.stderr, 20),
      signal: stop.signal,
    })
    const { report, dataSet, device } = measured
    const { name, id } = report.checkpoint
    const facts = await factsOf({ checkpoints: [{ name, id }], dataSet, seed: report.settings.seed, device })
    const files = await writeReport(pages, `${name}-quality`, qualityPage(measured, facts))
    const all = [path.join(out, `${name}.md`), ...files]
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : all.map(file => `${file}\n`).join(''))
  } catch (error) {
    if (stop.signal.aborted) throw new Failure('cancelled; no report was written', { code: INTERRUPTED })
    throw error
  } finally {
    signals.release()
  }
}
