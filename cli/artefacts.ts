import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Artefacts } from '../analysis/artefacts.ts'
import { writeWhole } from '../train/files.ts'

/** Finished parts of long analyses, below `folder`. */
export const folderArtefacts = (folder = path.join('.cache', 'artefacts')): Artefacts => ({
  read: key => readFile(path.join(folder, key)).catch(() => undefined),
  write: (key, bytes) => writeWhole(path.join(folder, key), [bytes]),
})
