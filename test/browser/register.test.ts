import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { missing, openHouse, until, type House } from './house.ts'

const root = path.join(__dirname, '../..')
const reason = missing() ?? (existsSync(path.join(root, 'dist/register/register.js')) ? undefined : 'dist/register is missing')
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser/register.test.ts is skipped: ${reason}`)

whenPossible('the page of docs/examples/litegraph-page, which is of another origin than the server', () => {
  let house: House
  let pages: ChildProcess
  let origin: string

  beforeAll(async () => {
    pages = spawn(process.execPath, ['docs/examples/litegraph-page/serve.js', '0'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    origin = await new Promise<string>((resolve, reject) => {
      pages.once('exit', code => reject(new Error(`serve.js ended with ${code}`)))
      pages.stdout!.once('data', (said: Buffer) => resolve(/http:\/\/127\.0\.0\.1:\d+/.exec(said.toString())![0]))
    })
    house = await openHouse({ more: ['--allow-origin', origin] })
  })
  afterAll(async () => {
    pages?.kill()
    await house?.close()
  })

  const open = async (query = ''): Promise<{ page: Page; troubles: string[] }> => {
    const page = await house.browser.newPage({ viewport: { width: 1300, height: 720 } })
    const troubles: string[] = []
    page.on('pageerror', error => troubles.push(error.message))
    await page.goto(`${origin}/?server=${encodeURIComponent(house.url.replace(/\/$/, ''))}${query}`)
    await until(page, `/ready|failed/.test(document.querySelector('#status').textContent)`)
    expect(await status(page)).toMatch(/^ready: \d\d nodes$/)
    return { page, troubles }
  }
  const status = (page: Page) => page.textContent('#status')

  for (const [name, query] of [
    ['@comfyorg/litegraph', ''],
    ['litegraph.js 0.7', '&litegraph=0.7'],
  ] as const)
    describe(`with ${name}`, () => {
      let page: Page
      let troubles: string[]
      beforeAll(async () => void ({ page, troubles } = await open(query)))
      afterAll(() => page?.close())

      test('has our nodes with typed ports, and fields within their ranges', async () => {
        const sampler = await page.evaluate<{ inputs: string[]; steps: object; title: string }>(`(() => {
          const { sample } = page
          const steps = sample.widgets.find(({ name }) => name === 'steps')
          return { title: sample.title, inputs: sample.inputs.map(({ name, type }) => name + ': ' + type), steps: { ...steps.options, value: steps.value } }
        })()`)
        expect(sampler.title).toBe('Sample DDIM')
        expect(sampler.inputs).toEqual(expect.arrayContaining(['model: PATRONUS', 'activations: ACTIVATIONS', 'noise: NOISE']))
        expect(sampler.steps).toMatchObject({ value: 10, min: 1, max: 1000 })
      })

      test('a run shows previews on the sampler and two finished pictures on the node that shows them', async () => {
        // A graph that has run before is answered from the cache, without previews.
        await page.evaluate(`page.sample.widgets.find(({ name }) => name === 'steps').value = ${query ? 11 : 10}`)
        const before = await colours(page, 'preview')
        await page.click('#run')
        await until(page, `/success|failed|interrupted/.test(document.querySelector('#status').textContent)`, 120_000)
        expect(await status(page)).toBe('success')
        await page.waitForTimeout(200)
        expect(await colours(page, 'preview')).toBeGreaterThan(before + 300)
        expect(await colours(page, 'sample')).toBeGreaterThan(300)
      })

      test('a graph that cannot run is refused with the reason on its node', async () => {
        await page.evaluate(`page.sample.disconnectInput(page.sample.findInputSlot('noise'))`)
        await page.click('#run')
        await until(page, `/failed/.test(document.querySelector('#status').textContent)`)
        expect(await status(page)).toMatch(/Sample DDIM \(\d+\): Required input is missing: noise/)
      })

      test("the page's own nodes may stand in the graph, and are named when they feed ours", async () => {
        await page.evaluate(`(async () => {
          const { LiteGraph, LGraphNode } = await (await import('./litegraph.js')).loadLiteGraph()
          class Own extends LGraphNode { constructor(title) { super(title); this.addOutput('noise', 'NOISE') } }
          Own.title = 'Own'
          LiteGraph.registerNodeType('own', Own)
          page.own = LiteGraph.createNode('own')
          page.graph.add(page.own)
          page.own.connect(0, page.sample, page.sample.findInputSlot('noise'))
        })()`)
        await page.click('#run')
        await until(page, `/takes noise from/.test(document.querySelector('#status').textContent)`)
        expect(await status(page)).toMatch(/"Sample DDIM" \(node \d+\) takes noise from "own" \(node \d+\), a node of this page/)
      })

      test('may register again, and refuses to replace a node of the page', async () => {
        const again = await page.evaluate<string[]>(`(async () => {
          const { LiteGraph, LGraphNode } = await (await import('./litegraph.js')).loadLiteGraph()
          const server = new URLSearchParams(location.search).get('server')
          const { registerPatronus } = await import(server + '/patronus/register.js')
          const second = await registerPatronus({ LiteGraph, LGraphNode, server })
          second.close()
          class LoadImage extends LGraphNode {}
          LiteGraph.registerNodeType('LoadImage', LoadImage)
          const refused = await registerPatronus({ LiteGraph, LGraphNode, server }).catch(error => error.message)
          const third = await registerPatronus({ LiteGraph, LGraphNode, server, prefix: 'patronus/' })
          third.close()
          return [second.types.includes('LoadImage'), refused, third.types.includes('patronus/LoadImage')].map(String)
        })()`)
        expect(again).toEqual(['true', expect.stringContaining('nodes of these types already: LoadImage. Give a prefix'), 'true'])
      })

      test('nothing went wrong in the page meanwhile', () => expect(troubles).toEqual([]))
    })

  /** How many colours a node shows on the screen: a picture has hundreds, a node without one a handful. */
  const colours = (page: Page, node: string): Promise<number> =>
    page.evaluate(`(() => {
      const canvas = document.querySelector('canvas')
      const { pos, size } = page[${JSON.stringify(node)}]
      const { data } = canvas.getContext('2d').getImageData(pos[0] + 8, pos[1] + size[1] - 150, size[0] - 16, 140)
      const seen = new Set()
      for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2])
      return seen.size
    })()`)
})
