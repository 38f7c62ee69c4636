import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import type { Checkpoint } from '../engine/checkpoint/safetensors.ts'
import type { Network } from '../engine/networks.ts'

/** `patronus export-onnx`: encoder, U-Net and prior as ordinary ONNX files, for any runtime. */
export const exportOnnxCommand = (): Command =>
  new Command('export-onnx')
    .description('write encoder.onnx, unet.onnx and prior.onnx; any batch size')
    .argument('<checkpoint>', "a .safetensors file, or the authors' folder or ckpt.tar")
    .requiredOption('-o, --out <folder>', 'where to write')
    .option('--external', 'weights in a file of their own beside each model (always so beyond 1 GB)')
    .action(exportOnnx)

/** A protobuf message may not exceed 2 GB; half of it leaves room. */
const mostInside = 1e9

async function exportOnnx(from: string, { out, external = false }: { out: string; external?: boolean }): Promise<void> {
  const [{ openCheckpoint }, { frozenModel }, { writeWhole }] = await Promise.all([
    import('../engine/checkpoint/open.ts'),
    import('../engine/onnx/freeze.ts'),
    import('../train/files.ts'),
  ])
  const checkpoint = await openCheckpoint(from)
  await mkdir(out, { recursive: true })
  for (const { file, network, weights } of await networksOf(checkpoint)) {
    const apart =
      external ||
      [...network.signature.params.values()].reduce((sum, shape) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0) > mostInside
    const made = frozenModel(network, weights, apart ? `${file}.data` : undefined)
    await writeWhole(path.join(out, file), [made.model])
    if (made.weights) await writeWhole(path.join(out, `${file}.data`), [made.weights])
    const { size } = await stat(path.join(out, file))
    process.stdout.write(
      `${path.join(out, file)}  opset ${made.opset}, ${((size + (made.weights?.length ?? 0)) / 1e6).toFixed(1)} MB${made.weights ? ` with ${file}.data` : ''}\n`,
    )
    process.stdout.write(`  in   ${made.inputs.join('  ')}\n  out  ${made.outputs.join('  ')}\n`)
  }
}

async function networksOf({
  info,
  weights,
}: Checkpoint): Promise<{ file: string; network: Network; weights: Checkpoint['weights'] }[]> {
  const { encoderNetwork, priorNetwork, unetNetwork } = await import('../engine/networks.ts')
  const ofPrior = new Map(
    [...weights].flatMap(([name, x]) => (name.startsWith('prior.') ? [[name.slice('prior.'.length), x] as const] : [])),
  )
  return [
    { file: 'encoder.onnx', network: encoderNetwork(info.config), weights },
    { file: 'unet.onnx', network: unetNetwork(info.config), weights },
    ...(info.prior
      ? [{ file: 'prior.onnx', network: priorNetwork(info.prior, info.config.prototypes.count), weights: ofPrior }]
      : []),
  ]
}
