import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Command } from 'commander'
import { summaryOf } from './info.ts'

type ImportOptions = { readonly out: string; readonly prior?: string | false; readonly dataset?: string; readonly half?: boolean }

/** `patronus import`: the authors' PyTorch files as one of our checkpoints, without Python. */
export const importCommand = (): Command =>
  new Command('import')
    .description("bring the authors' PyTorch files over as a .safetensors checkpoint; no Python needed")
    .argument('<path>', "the authors' folder (records/…, or a run's version_N), or its ckpt.tar")
    .requiredOption('-o, --out <file>', 'the .safetensors file to write')
    .option('--prior <file>', "best_model.pt of the prior over s (default: the run's own, where it lies)")
    .option('--no-prior', 'leave the prior out')
    .option('--dataset <name>', 'name of the data set, where config.pickle is missing')
    .option('--half', 'half-precision weights where that does no harm: half the size')
    .action(importPath)

async function importPath(from: string, { out, prior, dataset, half }: ImportOptions): Promise<void> {
  const [{ importOfficial }, { writeCheckpoint }] = await Promise.all([
    import('../engine/checkpoint/import.ts'),
    import('../engine/checkpoint/safetensors.ts'),
  ])
  // Commander's default for a --no- option is true: "whatever there is".
  const checkpoint = await importOfficial(from, { prior: typeof prior === 'boolean' && prior ? undefined : prior, dataset })
  await mkdir(dirname(out), { recursive: true })
  const id = await writeCheckpoint(out, checkpoint, { dtype: half ? 'F16' : 'F32' })
  process.stdout.write(`${out}\n${summaryOf({ ...checkpoint, id }, (await stat(out)).size)}`)
}
