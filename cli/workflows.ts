import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { Command, Option } from 'commander'
import { Failure } from './failure.ts'
import { nearestName } from './nearest-name.ts'
import { whole } from './options.ts'
import { openSource, type SourceOptions, type WorkflowSource } from './workflow-source.ts'

/** `patronus workflows`: people's own workflows as files again, and their earlier versions. */
export const workflowsCommand = (): Command =>
  new Command('workflows')
    .description('list, export or import saved workflows, and restore earlier versions')
    .addCommand(
      placed('list', 'list saved workflows, and deleted ones that can still be brought back')
        .option('--json', 'one JSON object instead of text')
        .action(list),
    )
    .addCommand(
      placed('export', 'write saved workflows to files')
        .argument('[names...]', 'which ones, with or without .json')
        .option('--all', 'all of them')
        .option('--number <n>', 'a version, as `patronus workflows versions` lists them', whole(1))
        .option('-o, --out <folder>', 'where to write', '.')
        .option('--force', 'write over files that are there')
        .action(exportFiles),
    )
    .addCommand(
      placed('import', 'save workflows from files; one that exists gets a new version')
        .argument('<files...>', 'workflow .json, PNG that holds one, or folder of them; paths below a folder are kept')
        .action(importFiles),
    )
    .addCommand(
      placed('versions', 'list the versions of a workflow, newest first')
        .argument('<name>', 'with or without .json')
        .option('--json', 'one JSON list instead of text')
        .action(versions),
    )
    .addCommand(
      placed('restore', 'make an earlier version the newest one, or bring back a deleted workflow; the others stay')
        .argument('<name>', 'with or without .json')
        .argument('<version>', 'its number', whole(1))
        .action(restore),
    )
    .addCommand(
      placed('forget', 'forget a saved or deleted workflow with all its versions, at once and for good')
        .argument('<name>', 'with or without .json')
        .action(forget),
    )

const placed = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option('--data <folder>', 'folder whose state.db holds them, as for serve; its server may run', 'data')
    .option('--server <url>', 'ask a running server instead')
    .addOption(new Option('--token <secret>', 'the --token of that server').env('PATRONUS_TOKEN'))

async function within<T>(options: SourceOptions, use: (source: WorkflowSource) => Promise<T>, isNew = false): Promise<T> {
  const source = await openSource(options, isNew)
  try {
    return await use(source)
  } finally {
    source.close()
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const when = (ms: number): string => new Date(ms).toLocaleString('sv-SE')

const list = (options: SourceOptions & { json?: boolean }): Promise<void> =>
  within(options, async source => {
    const found = await source.list()
    if (options.json) return say(JSON.stringify(found))
    const width = Math.max(0, ...[...found.workflows, ...found.deleted].map(({ path }) => path.length))
    for (const { path, modified, size } of found.workflows) say(`${path.padEnd(width)}  ${when(modified)}  ${size} bytes`)
    for (const { path, deleted } of found.deleted) say(`${path.padEnd(width)}  deleted ${when(deleted)}; restore brings it back`)
    if (width === 0) say('No workflow is saved yet.')
  })

const versions = (name: string, options: SourceOptions & { json?: boolean }): Promise<void> =>
  within(options, async source => {
    const found = await source.versions(await pathOf(source, name, true))
    if (options.json) return say(JSON.stringify(found.map(({ number, saved, size, nodes, current }) => ({ number, saved, size, nodes, current })))) // prettier-ignore
    for (const { number, saved, nodes, size, current } of found) {
      const holds = nodes === null ? `no graph, ${size} bytes` : `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`
      say(`${String(number).padStart(4)}  ${when(saved)}  ${holds}${current ? '  (newest)' : ''}`)
    }
  })

const restore = (name: string, version: number, options: SourceOptions): Promise<void> =>
  within(options, async source => {
    const path = await pathOf(source, name, true)
    await source.restore(path, version)
    say(`${path} is version ${version} again; what it was before is among its versions.`)
  })

const forget = (name: string, options: SourceOptions): Promise<void> =>
  within(options, async source => {
    const path = await pathOf(source, name, true)
    await source.forget(path)
    say(`${path} and all its versions are forgotten.`)
  })

type ExportOptions = SourceOptions & { all?: boolean; number?: number; out: string; force?: boolean }

const exportFiles = (names: readonly string[], options: ExportOptions): Promise<void> =>
  within(options, async source => {
    const { all, number, out, force } = options
    if (names.length > 0 === (all ?? false)) throw new Failure('give names of saved workflows, or --all')
    if (number !== undefined && names.length !== 1) throw new Failure('--number says a version of one workflow; give one name')
    const paths = all
      ? (await source.list()).workflows.map(({ path }) => path)
      : await Promise.all(names.map(name => pathOf(source, name, number !== undefined)))
    const read = (path: string) => (number === undefined ? source.read(path) : source.version(path, number))
    const found = await Promise.all(paths.map(async path => ({ path, bytes: Buffer.from(await read(path)) })))
    await write(found, out, force ?? false)
    say(`${found.length} ${found.length === 1 ? 'workflow' : 'workflows'} written to ${out}`)
  })

/** All of them or, where one may not be written, none. Names came from outside: the one resolver makes paths of them. */
async function write(found: readonly { path: string; bytes: Buffer }[], out: string, force: boolean): Promise<void> {
  const [{ createFiles }, { writeWhole }] = await Promise.all([import('../server/files.ts'), import('../server/whole-files.ts')])
  const none = { input: [], temp: [], user: [], checkpoints: [], workflows: [], datasets: [], artefacts: [], inception: [] }
  const files = createFiles({ ...none, output: [path.resolve(out)] })
  const isOther = async ({ path, bytes }: (typeof found)[number]) => {
    const there = await files.find('output', path)
    return there !== undefined && !(await readFile(there)).equals(bytes)
  }
  const inTheWay = []
  for (const one of found) if (!force && (await isOther(one))) inTheWay.push(one.path)
  if (inTheWay.length > 0)
    throw new Failure(`--out ${out}: other files are there already: ${inTheWay.join(', ')}; --force writes over them`)
  for (const { path, bytes } of found) await writeWhole(await files.place('output', path), bytes)
}

const importFiles = (sources: readonly string[], options: SourceOptions): Promise<void> =>
  within(
    options,
    async source => {
      const { limits } = await import('../server/body.ts')
      const found = (await Promise.all(sources.map(file => filesOf(file)))).flat()
      if (found.length === 0) throw new Failure(`${sources.join(', ')}: there is no .json and no .png in there`)
      // All are looked at before the first is saved.
      const read = await Promise.all(found.map(async ({ name, file }) => ({ ...(await graphBytes(file, name)), file })))
      const large = read.find(({ bytes }) => bytes.length > limits.json)
      if (large) throw new Failure(`${large.file}: it has ${large.bytes.length} bytes, a workflow may have ${limits.json}`)
      for (const { name, bytes } of read) {
        await source.save(name, bytes)
        say(`${name} saved`)
      }
    },
    true,
  )

/** A file by its own name, those of a folder by their paths below it. */
async function filesOf(file: string): Promise<{ name: string; file: string }[]> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`)
  })
  if (!found.isDirectory()) return [{ name: path.basename(file), file }]
  const entries = await readdir(file, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile() && /\.(json|png)$/i.test(entry.name) && !entry.name.startsWith('.'))
    .map(entry => path.join(entry.parentPath, entry.name))
    .map(one => ({ name: path.relative(file, one).split(path.sep).join('/'), file: one }))
}

/** The file byte by byte when it is JSON; of a PNG the graph in it. What is no graph is refused. */
async function graphBytes(file: string, name: string): Promise<{ name: string; bytes: Buffer }> {
  const { readGraph } = await import('./graph-file.ts')
  const graph = await readGraph(file, '')
  if (!/\.png$/i.test(name)) return { name, bytes: await readFile(file) }
  const value = 'workflow' in graph ? graph.workflow : graph.prompt
  return { name: name.replace(/\.png$/i, '.json'), bytes: Buffer.from(JSON.stringify(value, null, 2)) }
}

/** The path of the workflow that a person named. */
async function pathOf(source: WorkflowSource, name: string, orDeleted: boolean): Promise<string> {
  const { workflows, deleted } = await source.list()
  const paths = [...workflows, ...(orDeleted ? deleted : [])].map(({ path }) => path)
  const found = [name, `${name}.json`].find(path => paths.includes(path))
  if (found !== undefined) return found
  const bare = (path: string) => path.replace(/\.json$/, '')
  const near = nearestName(bare(name), paths.map(bare))
  const hint = near ? `did you mean ${near}?` : '`patronus workflows list` says which there are'
  throw new Failure(`There is no saved workflow "${name}"; ${hint}`)
}
