import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { fitWorkflow, layOut } from '../editor/fit-workflow.ts'
import { parseDefinitions } from '../editor/ports.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { catalog } from '../nodes/index.ts'
import { graphKind, parsePrompt, parseWorkflow, toPrompt, type Workflow } from '../workflows/graph.ts'
import { readPngGraph, readPngText, writePngGraph } from '../workflows/png.ts'
import { connect, getJson, pngOf, submit, testServer, uploadForm, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.3: the checklist of ComfyUI's files, one line a test. */

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const info = describeCatalog(catalog, { checkpoints: ['faces.safetensors'], input: ['a.png'] })
const { definitions } = parseDefinitions(JSON.parse(JSON.stringify(info)))
const folder = path.join(__dirname, '../workflows')
const shipped = readdirSync(folder).filter(name => name.endsWith('.json'))
const read = (name: string): unknown => JSON.parse(readFileSync(path.join(folder, name), 'utf8'))

/** What ComfyUI's page demands of a workflow file (spec 4.4): everything may hold more. */
const pair = z.union([z.tuple([z.number(), z.number()]), z.object({ '0': z.number(), '1': z.number() })])
const zComfyWorkflow = z.looseObject({
  id: z.uuid().optional(),
  last_node_id: z.union([z.number(), z.string()]),
  last_link_id: z.number(),
  nodes: z.array(
    z.looseObject({
      id: z.union([z.number(), z.string()]),
      type: z.string(),
      pos: pair,
      size: pair,
      flags: z.record(z.string(), z.unknown()),
      order: z.number(),
      mode: z.number(),
      properties: z.record(z.string(), z.unknown()),
      inputs: z.array(z.looseObject({ name: z.string(), type: z.string(), link: z.number().nullish() })).optional(),
      outputs: z.array(z.looseObject({ name: z.string(), type: z.string(), links: z.array(z.number()).nullish() })).optional(),
      widgets_values: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
    }),
  ),
  links: z.array(z.tuple([z.number(), z.union([z.number(), z.string()]), z.number(), z.union([z.number(), z.string()]), z.number(), z.string()])), // prettier-ignore
  version: z.literal(0.4),
})

/** Each is new: what was saved before would not be saved again. */
let pictures = 0
async function savedPicture(workflow: unknown): Promise<Buffer> {
  await fetch(`${server.origin}/upload/image`, { method: 'POST', body: uploadForm(await pngOf(3, 3), 'in.png') })
  const client = await connect(server)
  const prompt = {
    '1': { class_type: 'LoadImage', inputs: { image: 'in.png' } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: `kept${pictures++}` } },
  }
  const extra_data = { extra_pnginfo: { workflow } }
  const { prompt_id } = (await submit(server, prompt, { client_id: client.id, extra_data })).body
  await client.done(prompt_id)
  await client.close()
  type History = Record<string, { outputs: Record<string, { images: { filename: string }[] }> }>
  const { outputs } = ((await getJson(server, `/history/${prompt_id}`)) as History)[prompt_id]
  return Buffer.from(await (await fetch(`${server.origin}/view?filename=${outputs['2'].images[0].filename}`)).arrayBuffer())
}
/** What the editor makes of a dropped picture (editor/files.ts, without its `File`). */
function dropped(bytes: Uint8Array): Workflow | undefined {
  const { workflow, prompt } = readPngGraph(bytes)
  const graph = workflow ?? prompt
  if (graph === undefined) return undefined
  return graphKind(graph) === 'prompt' ? layOut(parsePrompt(graph), info) : parseWorkflow(graph)
}

test('a saved PNG holds prompt and workflow as tEXt in plain ASCII; loading it in the editor restores the graph', async () => {
  const workflow = { ...(read('edit-prototype.json') as object), title: 'Grün' }
  const bytes = await savedPicture(workflow)
  const texts = readPngText(bytes)
  expect([...texts.keys()].sort()).toEqual(['prompt', 'workflow'])
  expect(bytes.includes(Buffer.from('tEXtworkflow\0'))).toBe(true)
  expect([...texts.values()].every(text => /^[\x20-\x7e]*$/.test(text))).toBe(true)
  expect(JSON.parse(texts.get('workflow')!)).toEqual(workflow)
  expect(JSON.parse(texts.get('prompt')!)).toMatchObject({ '2': { class_type: 'SaveImage', inputs: { images: ['1', 0] } } })
  expect(dropped(bytes)).toEqual(parseWorkflow(workflow))
})

test('a saved PNG without a workflow restores its prompt', async () => {
  const opened = dropped(await savedPicture(undefined))
  expect(opened?.nodes.map(({ type }) => type)).toEqual(['LoadImage', 'SaveImage'])
})

describe("a real ComfyUI's PNG with unknown nodes opens without crashing", () => {
  /** As ComfyUI 0.3 writes them: Python's NaN, an object for a size, a reroute, a muted node, an "after generate" entry. */
  const workflow = `{"last_node_id": 9, "last_link_id": 9, "nodes": [
    {"id": 3, "type": "KSampler", "pos": [863, 186], "size": {"0": 315, "1": 262}, "flags": {}, "order": 1, "mode": 0,
     "inputs": [{"name": "model", "type": "MODEL", "link": 1}], "outputs": [{"name": "LATENT", "type": "LATENT", "links": [7], "slot_index": 0}],
     "properties": {"Node name for S&R": "KSampler", "cnr_id": "comfy-core", "ver": "0.3.64"}, "widgets_values": [5, "randomize", 20, 8, "euler", "normal", NaN]},
    {"id": 4, "type": "CheckpointLoaderSimple", "pos": [26, 474], "size": [315, 98], "flags": {}, "order": 0, "mode": 0, "inputs": [],
     "outputs": [{"name": "MODEL", "type": "MODEL", "links": [1]}], "properties": {}, "widgets_values": ["v1-5.ckpt"]},
    {"id": 5, "type": "Reroute", "pos": [0, 0], "size": [75, 26], "flags": {}, "order": 2, "mode": 2, "inputs": [{"name": "", "type": "*", "link": 7}],
     "outputs": [{"name": "", "type": "LATENT", "links": null}], "properties": {}}],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [7, 3, 0, 5, 0, "LATENT"]], "groups": [], "config": {}, "extra": {"ds": {"scale": 1}}, "version": 0.4}`
  const prompt = '{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "cfg": NaN, "model": ["4", 0]}}}'

  test.each<[string, Record<string, string>, string[]]>([
    ['both', { workflow, prompt }, ['KSampler', 'CheckpointLoaderSimple', 'Reroute']],
    ['the prompt alone', { prompt }, ['KSampler']],
  ])('%s', async (_, texts, types) => {
    const opened = dropped(await withTexts(texts))!
    expect(opened.nodes.map(({ type }) => type)).toEqual(types)
    const { problems } = toPrompt(fitWorkflow(opened, info, definitions), info)
    expect(problems.map(problem => problem.class_type)).toContain('KSampler')
  })

  test('one that holds no graph is a picture', async () => {
    expect(dropped(await withTexts({ parameters: 'a cat\nSteps: 20' }))).toBeUndefined()
  })

  async function withTexts(texts: Record<string, string>): Promise<Uint8Array> {
    // The texts are put in as they stand: `writePngGraph` would make proper JSON of them.
    const marks = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, 'x'.repeat(text.length - 2)]))
    const bytes: Buffer = Buffer.from(writePngGraph(await pngOf(2, 2), marks))
    for (const [key, text] of Object.entries(texts)) replaceText(bytes, key, text)
    return bytes
  }
})

describe('every workflow this project ships or lays out is format 0.4 that passes zComfyWorkflow:', () => {
  test.each(shipped)('%s', name => {
    const fitted = fitWorkflow(parseWorkflow(read(name)), info, definitions)
    const laidOut = layOut(parsePrompt(toPrompt(fitted, info).prompt), info)
    for (const file of [read(name), fitted, laidOut])
      expect(zComfyWorkflow.safeParse(JSON.parse(JSON.stringify(file))).error?.issues ?? []).toEqual([])
  })
})

test('links as objects (version 1) read as links as arrays (0.4)', () => {
  const old = read('edit-prototype.json') as Workflow
  const links = old.links.map(([id, origin_id, origin_slot, target_id, target_slot, type]) => ({ id, origin_id, origin_slot, target_id, target_slot, type })) // prettier-ignore
  const state = { lastNodeId: old.last_node_id, lastLinkId: old.last_link_id, lastGroupId: 0, lastRerouteId: 0 }
  const newer = parseWorkflow({ ...old, version: 1, links, state, last_node_id: undefined, last_link_id: undefined })
  const older = parseWorkflow(old)
  expect(newer.links).toEqual(older.links)
  expect(toPrompt(newer, info)).toEqual(toPrompt(older, info))
  expect([newer.last_node_id, newer.last_link_id]).toEqual([
    Math.max(...older.nodes.map(({ id }) => Number(id))),
    Math.max(...older.links.map(([id]) => id)),
  ])
})

/** Puts `text` where a text of the same length stands, and mends the chunk's checksum. */
function replaceText(bytes: Buffer, keyword: string, text: string): void {
  const at = bytes.indexOf(`tEXt${keyword}\0`)
  const length = bytes.readUInt32BE(at - 4)
  bytes.write(text, at + 4 + keyword.length + 1, 'latin1')
  bytes.writeUInt32BE(crc32(bytes.subarray(at, at + 4 + length)), at + 4 + length)
}
