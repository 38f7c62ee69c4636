import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from '../analysis/report.ts'
import type { DeviceChoice } from '../engine/device.ts'
import { findHouse } from './house.ts'

/** What makes the report of a command repeatable. */

export type Asked = {
  /** Each with its whole hash. */
  readonly checkpoints: readonly { readonly name: string; readonly id: string }[]
  readonly dataSet?: string
  readonly seed: number
  readonly device: DeviceChoice
}

export async function factsOf({ checkpoints, dataSet, seed, device }: Asked): Promise<Report['facts']> {
  return [
    ['command', commandLine()],
    ...checkpoints.map(({ name, id }) => ['checkpoint', `${name}, ${id}`] as const),
    ...(dataSet === undefined ? [] : [['data set', dataSet] as const]),
    ['seed', String(seed)],
    ['device', `${device.device}: ${device.reason}`],
    ['versions', `Patronus Nodes ${await versionOf()}, Node ${process.version}`],
  ]
}

/** The command as it was given. */
export const commandLine = (): string => `patronus ${process.argv.slice(2).join(' ')}`

async function versionOf(): Promise<string> {
  const file = path.join(findHouse(fileURLToPath(import.meta.url)), 'package.json')
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}
