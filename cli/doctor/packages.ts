import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { DeviceName } from '../../engine/device.ts'
import { findHouse } from '../house.ts'
import { messageOf, note, ok, problem, type Finding } from './finding.ts'

/** Packages with native parts: whether they are there says little, so each is made to do something small. */
const natives: Readonly<Record<string, () => Promise<unknown>>> = {
  'onnxruntime-node': async () => (await import('onnxruntime-node')).listSupportedBackends(),
  sharp: async () => {
    const { default: sharp } = await import('sharp')
    return sharp({ create: { width: 2, height: 2, channels: 3, background: 'white' } })
      .png()
      .toBuffer()
  },
  libsql: async () => {
    const { default: Database } = await import('libsql')
    const database = new Database(':memory:')
    database.prepare('select 1').get()
    database.close()
  },
}

export const packageFindings = (): Promise<Finding[]> => Promise.all(Object.keys(natives).map(packageFinding))

async function packageFinding(name: string): Promise<Finding> {
  const version = await versionOf(name)
  if (version === undefined) return problem(name, 'not installed', 'npm ci')
  try {
    await natives[name]()
    return ok(name, `${version}, works`)
  } catch (error) {
    const todo = `npm ci on this machine: its native part is for one kind of system (${process.platform}-${process.arch} here)`
    return problem(name, `${version}, does not work: ${messageOf(error)}`, todo)
  }
}

/** Networks run without these, too; they are taken when asked for by name. */
export const peerFindings = (): Promise<Finding[]> =>
  Promise.all(
    ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'].map(async name => {
      const version = await versionOf(name)
      return ok(name, version === undefined ? 'not installed (optional)' : version)
    }),
  )

/** The version of an installed package; undefined when there is none. Packages may hide their package.json from `require`. */
async function versionOf(name: string): Promise<string | undefined> {
  try {
    const main = createRequire(import.meta.url).resolve(name)
    const manifest = JSON.parse(await readFile(path.join(findHouse(main), 'package.json'), 'utf8')) as { version: string }
    return manifest.version
  } catch {
    return undefined
  }
}

/** Where networks could run, and whether the device that is asked for starts. Nothing is compiled but a sum of two numbers. */
export async function deviceFindings(wish: DeviceName): Promise<Finding[]> {
  try {
    const { chooseDevice, findDevices } = await import('../../engine/device.ts')
    const seen = findDevices().map(({ device, available, detail }) =>
      available ? ok(`device ${device}`, detail) : note(`device ${device}`, `not here: ${detail}`),
    )
    return [...seen, await chosen(() => chooseDevice(wish))]
  } catch (error) {
    return [problem('devices', `cannot be looked for: ${messageOf(error)}`, 'npm ci')]
  }
}

async function chosen(choose: () => Promise<{ device: string; reason: string }>): Promise<Finding> {
  try {
    const { device, reason } = await choose()
    return ok('device', `${device} (${reason})`)
  } catch (error) {
    return problem('device', messageOf(error), 'choose another with --device; auto takes the best that starts')
  }
}
