import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The fonts plots are drawn with, shipped as a package: a plot looks the same on every machine, one without fonts included. */
export const FONT = 'DejaVu Sans'

export function fontFiles(): string[] {
  const program = process.argv[1] ? realpathSync(process.argv[1]) : path.join(process.cwd(), 'noop.js')
  const { resolve } = createRequire(program)
  return ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(name => resolve(`dejavu-fonts-ttf/ttf/${name}`))
}
