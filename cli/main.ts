import './no-proto.ts'
import { realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { atlasCommand } from './atlas.ts'
import { benchCommand } from './bench.ts'
import { couplingsCommand } from './couplings.ts'
import { dataCommand } from './data.ts'
import { diagnoseCommand } from './diagnose.ts'
import { doctorCommand } from './doctor.ts'
import { emergenceCommand } from './emergence.ts'
import { exportOnnxCommand } from './export-onnx.ts'
import { describeError, Failure } from './failure.ts'
import { findHouse } from './house.ts'
import { importCommand } from './import.ts'
import { infoCommand } from './info.ts'
import { namesCommand } from './names.ts'
import { nearestCommand } from './nearest.ts'
import { qualityCommand } from './quality.ts'
import { rangesCommand } from './ranges.ts'
import { reproduceCommand } from './reproduce.ts'
import { runCommand } from './run.ts'
import { serveCommand } from './serve.ts'
import { trainCommand } from './train.ts'
import { workflowsCommand } from './workflows.ts'

/** The `patronus` command: one file per subcommand beside this one; heavy rooms are loaded when a command needs them. */
async function main(argv: readonly string[]): Promise<void> {
  const house = findHouse(realpathSync(fileURLToPath(import.meta.url)))
  const { version } = JSON.parse(await readFile(path.join(house, 'package.json'), 'utf8')) as { version: string }
  const program = new Command('patronus')
    .description('Patronus Nodes: interpretable diffusion models with prototypes, as nodes.')
    .version(version)
    .showHelpAfterError('(patronus --help lists the commands, patronus <command> --help their options)')
    .addCommand(serveCommand())
    .addCommand(runCommand(house))
    .addCommand(trainCommand())
    .addCommand(dataCommand())
    .addCommand(importCommand())
    .addCommand(infoCommand())
    .addCommand(rangesCommand())
    .addCommand(namesCommand())
    .addCommand(workflowsCommand())
    .addCommand(exportOnnxCommand())
    .addCommand(atlasCommand())
    .addCommand(nearestCommand())
    .addCommand(diagnoseCommand())
    .addCommand(couplingsCommand())
    .addCommand(qualityCommand())
    .addCommand(emergenceCommand())
    .addCommand(reproduceCommand(house))
    .addCommand(benchCommand(house))
    .addCommand(doctorCommand(house))
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
