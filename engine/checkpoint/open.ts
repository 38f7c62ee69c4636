import { stat } from 'node:fs/promises'
import { withFile } from './file.ts'
import { detect } from './format.ts'
import { importOfficial, type ImportOptions } from './import.ts'
import { readCheckpoint, type Checkpoint } from './safetensors.ts'

/** Opens whatever holds a model: our .safetensors, the authors' ckpt.tar or their folder. Told apart by content, not by name. */
export async function openCheckpoint(path: string, options: ImportOptions = {}): Promise<Checkpoint> {
  const folder = await stat(path).then(
    s => s.isDirectory(),
    () => false,
  )
  if (folder) return importOfficial(path, options)
  const format = await withFile(path, detect)
  return format === 'zip' ? importOfficial(path, options) : readCheckpoint(path)
}
