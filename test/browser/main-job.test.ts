import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import type { CheckpointDetails } from '../../server/protocol.ts'
import { readPngGraph } from '../../workflows/png.ts'
import { dropFile, fieldAt, graphOf, missing, openHouse, until, watchPictures, type House } from './house.ts'

const reason = missing()
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

const IDLE = `document.querySelector('.button.stop') === null`
const RUNNING = '.button.stop'

whenPossible('the main job, by mouse and keyboard', () => {
  let house: House
  let page: Page
  const troubles: string[] = []

  beforeAll(async () => {
    house = await openHouse()
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 }, acceptDownloads: true })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    await page.goto(house.url)
  })
  afterAll(() => house?.close())

  const run = async () => {
    await page.keyboard.press('Control+Enter')
    await page.waitForSelector(RUNNING)
  }
  const finished = () => until(page, IDLE, 120_000)

  test('a newcomer finds a graph on the screen and the prototypes of its checkpoint beside it', async () => {
    await until(page, `document.querySelector('canvas').data.graph.nodes.length >= 5`)
    await page.waitForSelector('.bank-row')
    const { info } = (await (
      await page.request.get(new URL('/patronus/checkpoints/avatars64.safetensors', house.url).href)
    ).json()) as CheckpointDetails
    expect(await page.locator('.bank-row').count()).toBe(info.config.prototypes.count)
  })

  test('a shipped workflow opens from the sheet of workflows', async () => {
    await page.keyboard.press('w')
    await page.locator('dialog input').fill('edit')
    await page.locator('dialog .card').first().click()
    await page.waitForSelector('dialog', { state: 'detached' })
    const types = (await graphOf(page)).nodes.map(({ type }) => type)
    expect(types).toEqual(
      expect.arrayContaining(['LoadImage', 'PatronusEncode', 'PatronusEditPrototype', 'PatronusSampleDDIM', 'SaveImage']),
    )
  })

  test('a picture is chosen and a number typed on the nodes themselves', async () => {
    const image = await fieldAt(page, 'LoadImage', 'image')
    await page.mouse.click(image.x, image.y)
    await page.locator('.menu-item', { hasText: 'avatar-03.png' }).click()
    const steps = await fieldAt(page, 'PatronusSampleDDIM', 'steps')
    await page.mouse.click(steps.x, steps.y)
    await page.keyboard.type('400')
    await page.keyboard.press('Enter')
    const { nodes } = await graphOf(page)
    expect(nodes.find(({ type }) => type === 'LoadImage')?.widgets_values).toEqual(['avatar-03.png'])
    expect(nodes.find(({ type }) => type === 'PatronusSampleDDIM')?.widgets_values?.[0]).toBe(400)
  })

  test('a run shows at least ten different pictures on the sampler while it samples, and then a result', async () => {
    await run()
    expect(await watchPictures(page, 'PatronusSampleDDIM', IDLE)).toBeGreaterThanOrEqual(10)
    expect(await problems()).toEqual([])
    await page.getByRole('tab', { name: /Results/ }).click()
    await until(page, `document.querySelectorAll('.result').length === 1`)
  })

  test('a slider of the bank writes an edit into the graph, can be undone, and changes the next picture', async () => {
    const first = await resultBytes()
    await page.getByRole('tab', { name: 'Prototypes' }).click()
    await page.getByRole('radio', { name: 'Number' }).click()
    const slider = page.locator('.bank-row').nth(5).locator('input')
    const box = await slider.boundingBox()
    if (!box) throw new Error('the slider is not on the screen')
    await page.mouse.move(box.x + 4, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(box.x + 0.8 * box.width, box.y + box.height / 2, { steps: 8 })
    await page.mouse.up()
    expect(await editsText()).toMatch(/^5 = 0?\.?\d/)
    await page.keyboard.press('Escape')
    await page.locator('canvas').focus()
    await page.keyboard.press('Control+z')
    expect(await editsText()).toBe('')
    await page.keyboard.press('Control+Shift+Z')
    expect(await editsText()).toMatch(/^5 = /)
    await run()
    await finished()
    expect(await problems()).toEqual([])
    await page.getByRole('tab', { name: /Results/ }).click()
    await until(page, `document.querySelectorAll('.result').length === 2`)
    expect((await resultBytes()).equals(first)).toBe(false)
  })

  test('the saved PNG, dropped on an empty canvas, brings back the same graph', async () => {
    await page.locator('.result').first().click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save PNG' }).click()])
    const file = path.join(house.folder, download.suggestedFilename())
    await download.saveAs(file)
    await page.keyboard.press('Escape')
    const before = await graphOf(page)
    const bytes = await readFile(file)
    expect(readPngGraph(bytes).workflow).toBeDefined()

    await page.locator('.document').click()
    await page.locator('.menu-item', { hasText: 'New graph' }).click()
    expect((await graphOf(page)).nodes).toEqual([])
    await dropFile(page, path.basename(file), bytes)
    await until(page, `document.querySelector('canvas').data.graph.nodes.length > 0`)
    const after = await graphOf(page)
    expect(after.nodes).toEqual(before.nodes)
    expect(after.links).toEqual(before.links)
  })

  test('a stopped run leaves the page ready for the next one', async () => {
    const steps = await fieldAt(page, 'PatronusSampleDDIM', 'steps')
    await page.mouse.click(steps.x, steps.y)
    await page.keyboard.type('1000')
    await page.keyboard.press('Enter')
    await run()
    await until(page, `/\\d %/.test(document.querySelector('.button.run').textContent)`)
    await page.locator(RUNNING).click()
    await finished()
    expect(await page.locator('.connection').textContent()).toBe('Ready')
  })

  test('a node without its link says so before anything runs', async () => {
    await page.locator('canvas').focus()
    await page.keyboard.press('Space')
    await page.keyboard.type('preview')
    await page.keyboard.press('Enter')
    await page.getByRole('tab', { name: /Problems/ }).click()
    await page.locator('.problem', { hasText: 'Preview Image' }).waitFor()
    expect(await page.locator('.problem').first().textContent()).toMatch(/missing/)
  })

  test('nothing went wrong in the page meanwhile', () => expect(troubles).toEqual([]))

  /** The newest result as the server keeps it. */
  async function resultBytes(): Promise<Buffer> {
    const address = await page.evaluate<string>(`document.querySelector('.result img').src`)
    return Buffer.from(await (await page.request.get(address)).body())
  }
  /** What the page says is wrong, in its own words. */
  async function problems(): Promise<string[]> {
    await page.getByRole('tab', { name: /Problems/ }).click()
    return page.locator('.problem').allTextContents()
  }
  const editsText = async (): Promise<unknown> => {
    const { nodes } = await graphOf(page)
    return nodes.find(({ type }) => type === 'PatronusEditPrototype')?.widgets_values?.[3]
  }
})
