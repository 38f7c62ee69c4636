import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { writeCheckpoint } from '../../engine/checkpoint/safetensors.ts'
import { parseWorkflow, toPrompt, type ObjectInfo } from '../../workflows/graph.ts'
import { tinyCheckpoint } from '../tiny-model.ts'
import { graphOf, missing, openHouse, until, type House } from './house.ts'

/**
 * Our module in a page that is not ours: a stand-in with the hooks that ComfyUI documents (test/browser/stand-in), served by
 * the real server with `--front-end-root`, under the policy that ComfyUI's own page would get.
 */
const reason =
  missing() ?? (existsSync(path.join(__dirname, '../../dist/extension/patronus.js')) ? undefined : 'dist/extension is missing')
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

type File = { nodes: { type: string; widgets_values?: unknown[] }[] }
/** The workflow with other values at some places of the nodes of a type. */
function withWidgets(workflow: unknown, type: string, values: Record<number, unknown>): File {
  const file = structuredClone(workflow) as File
  for (const node of file.nodes) if (node.type === type) Object.assign(node.widgets_values!, values)
  return file
}

const shipped = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(__dirname, '../../workflows', `${name}.json`), 'utf8'))

whenPossible("our panels in ComfyUI's page", () => {
  let folder: string
  let house: House
  let page: Page
  const troubles: string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-models-'))
    await writeCheckpoint(path.join(folder, 'avatars64.safetensors'), tinyCheckpoint())
    await sharp({ create: { width: 60, height: 15, channels: 3, background: 'teal' } }).toFile(path.join(folder, 'avatars64.tiles.png')) // prettier-ignore
    house = await openHouse({ checkpoints: folder, more: ['--front-end-root', path.join(__dirname, 'stand-in')] })
    page = await house.browser.newPage({ viewport: { width: 1200, height: 900 } })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()))
    await page.goto(house.url)
    await until(page, `document.body.dataset.started === 'yes'`)
  })
  afterAll(async () => {
    await house?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = (workflow: unknown) => page.evaluate(`app.loadGraphData(${JSON.stringify(workflow)})`)
  const run = async (workflow: unknown) => {
    const info = (await (await fetch(new URL('object_info', house.url))).json()) as ObjectInfo
    const { prompt, problems } = toPrompt(parseWorkflow(workflow), info)
    expect(problems).toEqual([])
    await page.evaluate(`app.queuePrompt(${JSON.stringify(prompt)})`)
  }
  const rows = (place: string) => page.locator(`${place} [data-prototype]`)

  test('the module loads under the policy of a foreign page, without a complaint of the browser', async () => {
    expect(troubles).toEqual([])
    await until(page, `document.querySelector('link[rel=stylesheet]')?.sheet?.cssRules.length > 10`)
    expect(troubles).toEqual([])
  })

  test.each(['#side', '#bottom'])('a tab in %s shows every prototype of the checkpoint that the graph loads', async place => {
    await open(shipped('edit-prototype'))
    await rows(place).nth(3).waitFor()
    expect(await rows(place).count()).toBe(4)
    expect(await page.locator(`${place} select`).inputValue()).toBe('avatars64.safetensors')
    const image = `document.querySelector('${place} [data-prototype] img')`
    await until(page, `${image}.complete`)
    expect(await page.evaluate(`${image}.naturalWidth`)).toBe(15)
  })

  test('a prototype is found by its number, and a click puts it into the Edit Prototype node', async () => {
    await page.locator('#side input[type=search]').fill('2')
    expect(await rows('#side').count()).toBe(1)
    await rows('#side').getByRole('button').click()
    const widgets = await page.evaluate(
      `Object.fromEntries(app.graph.nodes.find(({ type }) => type === 'PatronusEditPrototype').widgets.map(({ name, value }) => [name, value]))`,
    )
    expect(widgets).toMatchObject({ prototype: 2, mode: expect.not.stringMatching(/^none$/) })
    expect(await page.locator('#side [role=status]').textContent()).toContain('Prototype 2')
    await page.locator('#side input[type=search]').fill('')
  })

  test('after a run the nodes have their curves and tables', async () => {
    // The tiny model has four prototypes, and few steps are enough to draw a curve.
    const workflow = withWidgets(shipped('trace-emergence'), 'PatronusTraceEmergence', { 0: '1, 2', 1: 4 })
    await open(workflow)
    await run(workflow)
    const plots = page.locator('#nodes .patronus-data canvas')
    await plots.first().waitFor({ timeout: 120_000 })
    const tables = page.locator('#nodes .patronus-data table')
    expect(await tables.count()).toBeGreaterThan(0)
    expect(await tables.first().locator('tbody tr').count()).toBeGreaterThan(0)
    const drawnPixels = `(() => { const c = document.querySelector('#nodes .patronus-data canvas'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(byte => byte > 0) })()`
    await until(page, drawnPixels)
    expect(troubles).toEqual([])
  })

  test('after a run the bank is in the order of s of the picture', async () => {
    const workflow = withWidgets(shipped('edit-prototype'), 'PatronusEditPrototype', { 0: 1, 3: '' })
    await open(workflow)
    await run(workflow)
    await page.locator('#node-3 .patronus-data table').waitFor({ timeout: 120_000 })
    await until(page, `document.querySelector('#side .patronus-value')?.textContent !== '–'`)
    const values = (await page.locator('#side .patronus-value').allTextContents()).map(Number)
    expect(values).toHaveLength(4)
    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(troubles).toEqual([])
  })

  test("the graph with which ComfyUI's page begins gives way to one that runs here; a graph of a person stays", async () => {
    const starter = ['CheckpointLoaderSimple', 'CLIPTextEncode', 'CLIPTextEncode', 'EmptyLatentImage', 'KSampler', 'VAEDecode', 'SaveImage'] // prettier-ignore
    const nodes = (types: string[]) => ({ nodes: types.map((type, id) => ({ id, type })), links: [] })
    const types = `app.graph.nodes.map(({ type }) => type)`
    await open(nodes(starter.slice(0, -1)))
    expect(await page.evaluate(types)).toEqual(starter.slice(0, -1))
    await open(nodes(starter))
    await until(page, `${types}.includes('PatronusEncode')`)
    await open(nodes(starter))
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(await page.evaluate(types)).toEqual(starter)
  })

  test('our own page works at /patronus/editor/, and what it would save is format 0.4', async () => {
    const ours = await house.browser.newPage({ viewport: { width: 1440, height: 900 } })
    const complaints: string[] = []
    ours.on('pageerror', error => complaints.push(error.stack ?? error.message))
    ours.on('console', message => message.type() === 'error' && complaints.push(message.text()))
    await ours.goto(new URL('/patronus/editor/', house.url).href)
    await ours.waitForSelector('.bank-row')
    const saved = await graphOf(ours)
    expect(saved).toMatchObject({ version: 0.4, last_node_id: expect.any(Number), last_link_id: expect.any(Number) })
    expect(saved.nodes.length).toBeGreaterThan(0)
    for (const node of saved.nodes)
      expect(node).toMatchObject({ id: expect.any(Number), type: expect.any(String), flags: {}, order: expect.any(Number), mode: expect.any(Number), properties: expect.any(Object) }) // prettier-ignore
    for (const link of saved.links) expect(link).toHaveLength(6)
    expect(complaints).toEqual([])
    await ours.close()
  })
})
