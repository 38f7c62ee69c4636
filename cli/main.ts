import './no-proto.ts'
import { realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { describeError, Failure } from './failure.ts'
import { findHouse } from './house.ts'

/**
 * The subcommands, one file each beside this one; what is heavy they load themselves, when they run. Only the one that is called is
 * loaded, so that a server that was killed is back sooner.
 */
const commands: Readonly<Record<string, (house: string) => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  run: async house => (await import('./run.ts')).runCommand(house),
  train: async () => (await import('./train.ts')).trainCommand(),
  data: async () => (await import('./data.ts')).dataCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  info: async () => (await import('./info.ts')).infoCommand(),
  ranges: async () => (await import('./ranges.ts')).rangesCommand(),
  names: async () => (await import('./names.ts')).namesCommand(),
  workflows: async () => (await import('./workflows.ts')).workflowsCommand(),
  'export-onnx': async () => (await import('./export-onnx.ts')).exportOnnxCommand(),
  atlas: async () => (await import('./atlas.ts')).atlasCommand(),
  nearest: async () => (await import('./nearest.ts')).nearestCommand(),
  diagnose: async () => (await import('./diagnose.ts')).diagnoseCommand(),
  couplings: async () => (await import('./couplings.ts')).couplingsCommand(),
  quality: async () => (await import('./quality.ts')).qualityCommand(),
  emergence: async () => (await import('./emergence.ts')).emergenceCommand(),
  reproduce: async house => (await import('./reproduce.ts')).reproduceCommand(house),
  bench: async house => (await import('./bench.ts')).benchCommand(house),
  doctor: async house => (await import('./doctor.ts')).doctorCommand(house),
}

/** The `patronus` command. */
async function main(argv: readonly string[]): Promise<void> {
  const house = findHouse(realpathSync(fileURLToPath(import.meta.url)))
  const { version } = JSON.parse(await readFile(path.join(house, 'package.json'), 'utf8')) as { version: string }
  const program = new Command('patronus')
    .description('Patronus Nodes: interpretable diffusion models with prototypes, as nodes.')
    .version(version)
    .showHelpAfterError('(patronus --help lists the commands, patronus <command> --help their options)')
  // All of them for help, and to say which name comes nearest to one that is none.
  const names = Object.hasOwn(commands, argv[2] ?? '') ? [argv[2]] : Object.keys(commands)
  for (const name of names) program.addCommand(await commands[name](house))
  for (const command of program.commands) command.copyInheritedSettings(program)
  await program.parseAsync(argv)
}

/** A reader that went away (`| head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await main(process.argv)
} catch (error) {
  if (!(error instanceof Failure && error.told)) process.stderr.write(`error: ${describeError(error)}\n`)
  process.exitCode = error instanceof Failure ? error.code : 1
}
