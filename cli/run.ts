import { randomUUID } from 'node:crypto'
import { copyFile, link, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import type { DeviceName } from '../engine/device.ts'
import type { Catalog, FileKind } from '../nodes/node.ts'
import type { Files, Roots } from '../server/files.ts'
import type { Job } from '../server/queue.ts'
import { explain, problemsWith, toPrompt, type ObjectInfo, type Problem, type Prompt, type Workflow } from '../workflows/graph.ts'
import { Failure, INTERRUPTED } from './failure.ts'
import { keptNames } from './kept-names.ts'
import { readGraph, type GraphFile } from './graph-file.ts'
import { collected, deviceOption, pluginOption } from './options.ts'
import { keepOutputs } from './outputs.ts'
import { humanReport, jsonReport, type RunReport } from './run-report.ts'
import {
  findSetting,
  parseSetting,
  settingValue,
  spreadSetting,
  titleOf,
  withValue,
  withWidget,
  type Setting,
} from './settings.ts'
import { savedGraph } from './saved-graph.ts'
import { onStopSignals } from './signals.ts'

type RunOptions = {
  readonly set?: readonly string[]
  readonly out: string
  readonly data: string
  readonly checkpoints?: readonly string[]
  readonly device: DeviceName
  readonly plugin?: readonly string[]
  readonly json?: boolean
}

/** `patronus run`: a saved graph without server, port or page, on the same executor. */
export const runCommand = (house: string): Command =>
  new Command('run')
    .description('run a saved graph and save what it makes')
    .argument(
      '<workflow>',
      'a workflow .json (as an editor saves it, or in API format), a PNG that holds one, or the name of a shipped or saved one',
    )
    .option(
      '-s, --set <node.input=value>',
      'set an input; node by number, title or class, * for all that have it; repeatable',
      collected,
    )
    .option('-o, --out <folder>', 'where pictures, tables and plots go', 'output')
    .option(
      '--data <folder>',
      'folder whose input/ holds pictures, state.db names of prototypes and saved workflows, and inception/ an Inception-v3, as for serve',
      'data',
    )
    .option('--checkpoints <folder>', 'folder of checkpoints besides the shipped ones; repeatable', collected)
    .addOption(deviceOption())
    .addOption(pluginOption())
    .option('--json', 'one JSON object a line on stdout instead of text')
    .addHelpText(
      'after',
      `
Files on the disk can be given for pictures, checkpoints and an Inception-v3: --set "Load Image.image=face.png"
Example: patronus run edit-prototype --set "Edit Prototype.value=0.8" --set "Sample DDIM.steps=20"`,
    )
    .action((workflow: string, options: RunOptions) => run(workflow, options, house))

async function run(source: string, options: RunOptions, house: string): Promise<void> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), 'patronus-run-'))
  try {
    await runIn(temporary, source, options, house)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function runIn(temporary: string, source: string, options: RunOptions, house: string): Promise<void> {
  const { createFiles } = await import('../server/files.ts')
  const settings = (options.set ?? []).map(parseSetting)
  const graph = await readGraph(source, path.join(house, 'workflows'), name => savedGraph(options.data, name))
  const roots = rootsOf(temporary, options, house)
  const files = createFiles(roots)
  const catalog = await catalogWith(options.plugin ?? [])
  const prepared = await prepare(graph, settings, { catalog, files, roots })
  const report = options.json
    ? jsonReport(process.stdout)
    : humanReport(process.stdout, process.stderr, node => titleOf(prepared.prompt, prepared.info, node))
  const checked = await check(prepared, catalog, files, report)
  const job: Job = {
    number: 0,
    promptId: randomUUID(),
    prompt: checked.prompt,
    outputs: checked.roots,
    extraData: prepared.workflow ? { extra_pnginfo: { workflow: prepared.workflow } } : {},
  }
  await execute(job, prepared, { catalog, files, wish: options.device, data: options.data, report })
}

/** What is written goes to the folder asked for; what is read is looked for in the caller's folders, then in the shipped ones. */
const rootsOf = (temporary: string, { out, data, checkpoints = [] }: RunOptions, house: string): Roots => ({
  input: [path.join(temporary, 'input'), path.resolve(data, 'input'), path.join(house, 'workflows', 'images')],
  output: [path.resolve(out)],
  temp: [path.join(temporary, 'temp')],
  user: [path.resolve(data, 'user')],
  checkpoints: [
    path.join(temporary, 'checkpoints'),
    ...checkpoints.map(folder => path.resolve(folder)),
    path.join(house, 'checkpoints'),
  ],
  workflows: [path.join(house, 'workflows')],
  datasets: [path.resolve(data, 'datasets')],
  artefacts: [path.resolve(data, 'artefacts')],
  inception: [path.join(temporary, 'inception'), path.resolve(data, 'inception')],
})

type Prepared = { readonly prompt: Prompt; readonly workflow?: Workflow; readonly info: ObjectInfo }

async function catalogWith(names: readonly string[]): Promise<Catalog> {
  const [{ catalog }, { loadPlugins, withPlugins }] = await Promise.all([
    import('../nodes/index.ts'),
    import('../server/plugins.ts'),
  ])
  return withPlugins(catalog, await loadPlugins(names))
}

/** The graph in the form that runs, with all settings in it. */
async function prepare(
  graph: GraphFile,
  settings: readonly Setting[],
  { catalog, files, roots }: { catalog: Catalog; files: Files; roots: Roots },
): Promise<Prepared> {
  const { createObjectInfo } = await import('../server/object-info.ts')
  const infoNow = createObjectInfo(catalog, files)
  let info = await infoNow()
  let { prompt, workflow } =
    'workflow' in graph ? { ...converted(graph.workflow, info), workflow: graph.workflow } : { ...graph, workflow: undefined }
  for (const setting of settings.flatMap(setting => spreadSetting(setting, prompt, info))) {
    const found = findSetting(setting, prompt, info)
    const kind = (catalog.get(prompt[found.id].class_type)!.inputs as Record<string, { files?: FileKind }>)[found.input]?.files
    const staged = kind === undefined || kind === 'datasets' ? undefined : await stage(found.value, roots[kind][0])
    if (staged !== undefined) info = await infoNow()
    const value = settingValue(
      staged === undefined ? found : { ...findSetting(setting, prompt, info), value: staged },
      kind !== undefined,
    )
    prompt = withValue(prompt, found, value)
    workflow = workflow && withWidget(workflow, info, found, value)
  }
  return { prompt, workflow, info }
}

/** A path of the caller's becomes a file of the run's own folder, which graphs can name; nothing when there is no such file. */
async function stage(file: string, folder: string): Promise<string | undefined> {
  if (
    !(await stat(file).then(
      found => found.isFile(),
      () => false,
    ))
  )
    return undefined
  const to = path.join(folder, path.basename(file))
  await mkdir(folder, { recursive: true })
  await rm(to, { force: true })
  // A second name for the same bytes; across file systems, a copy.
  await link(file, to).catch(() => copyFile(file, to))
  return path.basename(file)
}

function converted(workflow: Workflow, info: ObjectInfo): { prompt: Prompt } {
  const { prompt, problems } = toPrompt(workflow, info)
  if (problems.length) throw new Failure(problems.map(({ message }) => message).join('\n'))
  return { prompt }
}

/** The graph ready to run; every fault of every node is told before anything runs. */
async function check(
  { prompt, info }: Prepared,
  catalog: Catalog,
  files: Files,
  report: RunReport,
): Promise<{ prompt: Prompt; roots: readonly string[] }> {
  const { annotatedFiles } = await import('../server/annotated-files.ts')
  const elsewhere = await annotatedFiles(prompt, info, files)
  const isFile = (name: string) => elsewhere.has(name)
  const checked = await problemsWith(type => catalog.get(type)?.validate, prompt, info, { isFile })
  const faults = Object.entries(checked.nodeErrors).flatMap(([id, { errors }]) =>
    errors.map(error => `${id} (${titleOf(prompt, info, id)}): ${explain(error)}${hint(prompt[id].class_type, error)}`),
  )
  if (!checked.error && faults.length === 0) return checked
  const lines = faults.length ? faults : [explain(checked.error!)]
  report.failed(lines)
  report.end('error', 0)
  throw new Failure(lines[0], { told: true })
}

/** What most often helps where a graph was made on another machine. */
const hints: Readonly<Record<string, string>> = {
  'PatronusLoadCheckpoint.checkpoint': '; name the folder of your checkpoints with --checkpoints, or a file with --set',
  'LoadImage.image': '; pictures lie in the input folder of --data, or give a file with --set',
  'PatronusFrechetDistance.inception':
    '; an Inception-v3 as ONNX lies in the inception folder of --data, or give a file with --set',
}

const hint = (classType: string, { extra_info }: Problem): string => hints[`${classType}.${String(extra_info.input_name)}`] ?? ''

async function execute(
  job: Job,
  prepared: Prepared,
  { catalog, files, wish, data, report }: { catalog: Catalog; files: Files; wish: DeviceName; data: string; report: RunReport },
): Promise<void> {
  const [
    { createWorker },
    { noKeeper },
    { shownNames },
    { openInception },
    { loadPatronus },
    { chooseDevice },
    { createSources },
  ] = await Promise.all([
    import('../server/worker.ts'),
    import('../server/output-names.ts'),
    import('../server/names.ts'),
    import('../engine/inception.ts'),
    import('../engine/load.ts'),
    import('../engine/device.ts'),
    import('./sources.ts'),
  ])
  const device = await chooseDevice(wish)
  report.device(device.device, device.reason)
  const runner = createWorker({
    catalog,
    files,
    warm: false,
    sources: createSources(),
    keeper: { ...noKeeper, shownNames: async id => shownNames(await keptNames(data), id) },
    load: file => loadPatronus(file, { device }),
    inception: file => openInception(file, device),
    findDevice: async () => ({ device: device.device, report: device.reason }),
  })
  const signals = onStopSignals(() => runner.cancel(job.promptId))
  const began = performance.now()
  try {
    const { status, outputs } = await runner.run(job, event => {
      if (event.kind !== 'message') return
      report.event(event.message)
      if (event.message.type === 'execution_error') {
        const { node_id, exception_message } = event.message.data
        report.failed([`${node_id} (${titleOf(prepared.prompt, prepared.info, node_id)}): ${exception_message}`])
      }
    })
    const shown = Object.entries(outputs).map(([node, ui]) => ({
      node,
      title: titleOf(prepared.prompt, prepared.info, node),
      ui,
    }))
    report.outputs(await keepOutputs(shown, { output: files.roots.output[0], temp: files.roots.temp[0] }))
    report.end(status, (performance.now() - began) / 1000)
    if (status !== 'success') throw new Failure(status, { code: status === 'interrupted' ? INTERRUPTED : 1, told: true })
  } finally {
    signals.release()
    await runner.close()
  }
}
