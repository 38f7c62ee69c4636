import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { atlasLimits, atlasName, parseAtlas } from '../../analysis/atlas-file.ts'
import { readCheckpointInfo } from '../../engine/checkpoint/safetensors.ts'
import { messageOf, note, ok, problem, type Finding } from './finding.ts'

/** Every checkpoint the server would offer: readable, and what lies beside it belongs to it. The first folder wins a name. */
export async function checkpointFindings(folders: readonly string[], shipped: string): Promise<Finding[]> {
  const findings: Finding[] = []
  const seen = new Set<string>()
  for (const folder of [...folders, shipped]) {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => error)
    if (!Array.isArray(names)) {
      if (folder !== shipped)
        findings.push(
          problem('checkpoints', `${folder} cannot be read (${names.code})`, 'correct --checkpoints, or make the folder'),
        )
      continue
    }
    for (const name of names.filter(name => name.endsWith('.safetensors')).sort())
      if (!seen.has(name)) findings.push(await checkpointFinding((seen.add(name), path.join(folder, name))))
  }
  if (seen.size > 0) return findings
  const todo = 'name a folder with --checkpoints, bring one over with `patronus import`, or train one: `patronus train tiny`'
  return [...findings, problem('checkpoints', `none in ${[...folders, shipped].join(', ')}`, todo)]
}

async function checkpointFinding(file: string): Promise<Finding> {
  const about = `checkpoint ${path.basename(file)}`
  try {
    const [info, id] = await Promise.all([readCheckpointInfo(file), hashOf(file)])
    const { count } = info.config.prototypes
    const histogram = info.ranges?.some(range => range.histogram)
    const ranges = histogram ? 'ranges with histograms' : info.ranges ? 'ranges without histograms' : 'no ranges'
    const says = `${id.slice(0, 12)}, ${count} prototypes, ${info.prior ? 'prior' : 'no prior'}, ${ranges}`
    const atlas = await atlasOf(file, id, count)
    if ('fault' in atlas) return problem(about, `${says}; its atlas cannot be used: ${atlas.fault}`, `npx patronus atlas ${file}`)
    const hint = histogram ? undefined : `npx patronus ranges ${file} --data <config> --write`
    return (hint ? note : ok)(about, `${says}, ${atlas.entries === 0 ? 'no atlas' : `atlas of ${atlas.entries}`}`, hint)
  } catch (error) {
    return problem(about, `${file} cannot be read: ${messageOf(error)}`, 'fetch or train it again, or take it out of the folder')
  }
}

/** How many prototypes the atlas beside a checkpoint has; or why it is none of this checkpoint's. */
async function atlasOf(file: string, id: string, count: number): Promise<{ entries: number } | { fault: string }> {
  const [json, sheet] = [atlasName(file, 'json'), atlasName(file, 'webp')]
  const size = await stat(json).then(
    ({ size }) => size,
    () => undefined,
  )
  if (size === undefined) return { entries: 0 }
  if (size > atlasLimits.characters) return { fault: 'the file is too large' }
  try {
    const atlas = parseAtlas(await readFile(json, 'utf8'), count)
    if (atlas.checkpoint !== id) return { fault: `it was made from another file (${atlas.checkpoint.slice(0, 12)})` }
    await stat(sheet)
    return { entries: atlas.entries.length }
  } catch (error) {
    return { fault: messageOf(error) }
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
