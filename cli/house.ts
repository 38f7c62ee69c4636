import { existsSync } from 'node:fs'
import path from 'node:path'

/** The folder that holds this program and what it ships: the first one above `file` with a package.json. */
export function findHouse(file: string): string {
  let folder = path.dirname(file)
  while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder) folder = path.dirname(folder)
  return folder
}
