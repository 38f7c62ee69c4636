import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import { readConfiguration, withConfiguration, type Configuration } from './configuration.ts'
import { defaultSettings } from './configuration-list.ts'
import { ok, problem, messageOf, type Finding } from './doctor/finding.ts'
import { Failure } from './failure.ts'

/** `patronus doctor`: what there is to work with, and what is wrong with it. */
export const doctorCommand = (house: string): Command =>
  withConfiguration(new Command('doctor').description('look at this machine and say what is wrong, and what to do about it'))
    .option('--json', 'one JSON object: ok, and findings with about, state, says, todo')
    .addHelpText('after', '\nThe exit status is 1 when something is wrong.')
    .action((flags: Readonly<Record<string, unknown>>) => doctor(house, flags))

async function doctor(house: string, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const findings = await examine(house, flags)
  const isWell = findings.every(({ state }) => state !== 'problem')
  process.stdout.write(flags.json ? `${JSON.stringify({ ok: isWell, findings })}\n` : textOf(findings))
  if (!isWell) throw new Failure('something is wrong', { told: true })
}

async function examine(house: string, flags: Readonly<Record<string, unknown>>): Promise<Finding[]> {
  const [machine, packages, checkpoints, place] = await Promise.all([
    import('./doctor/machine.ts'),
    import('./doctor/packages.ts'),
    import('./doctor/checkpoints.ts'),
    import('./doctor/place.ts'),
  ])
  const manifest = JSON.parse(await readFile(path.join(house, 'package.json'), 'utf8')) as Manifest
  const { settings, findings } = await configurationOf(flags, place.configurationFindings)
  const parts = await Promise.all([
    [ok('Patronus Nodes', `${manifest.version}, in ${house}`), machine.nodeFinding(manifest.engines?.node ?? '>=20.19')],
    machine.machineFindings(),
    machine.limitFindings(),
    packages.packageFindings(),
    packages.deviceFindings(settings.device),
    packages.peerFindings(),
    [machine.pageFinding(house)],
    findings,
    place.dataFindings(settings),
    place.portFinding(settings).then(finding => [finding]),
    checkpoints.checkpointFindings(settings.checkpoints, path.join(house, 'checkpoints')),
  ])
  return parts.flat()
}

/** The bundle's package.json says nothing of engines: it has its own Node. */
type Manifest = { readonly version: string; readonly engines?: { readonly node: string } }

/** Options that cannot be understood are one more finding; the rest is then looked at by the defaults. */
async function configurationOf(
  flags: Readonly<Record<string, unknown>>,
  findingsOf: (configuration: Configuration) => Promise<Finding[]>,
) {
  try {
    const configuration = await readConfiguration(flags)
    return { settings: configuration.settings, findings: await findingsOf(configuration) }
  } catch (error) {
    const faults = error instanceof Failure ? error.message.split('\n') : [messageOf(error)]
    const findings = faults.map(fault => problem('configuration', fault, 'docs/configuration.md lists the options'))
    return { settings: defaultSettings(), findings }
  }
}

const signs = { ok: ' ', note: '·', problem: '✗' } as const

function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length))
  const lines = findings.flatMap(({ about, state, says, todo }) => [
    `${signs[state]} ${about.padEnd(width)}  ${says}`,
    ...(todo === undefined ? [] : [`  ${' '.repeat(width)}  → ${todo}`]),
  ])
  const wrong = findings.filter(({ state }) => state === 'problem').length
  const verdict = wrong === 0 ? 'Nothing is wrong.' : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong (✗).`
  return `${lines.join('\n')}\n\n${verdict}\n`
}
