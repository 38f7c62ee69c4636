import path from 'node:path'
import type { Page } from 'playwright-core'
import { fieldAt, graphOf, missing, openHouse, until, type House } from './house.ts'

const reason = missing()
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

/** PICTURES=<folder> keeps pictures of the sheet for people to look at. */
const pictures = process.env.PICTURES

whenPossible('earlier versions of a saved workflow', () => {
  let house: House
  let page: Page
  const troubles: string[] = []

  beforeAll(async () => {
    house = await openHouse()
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()))
    await page.goto(house.url)
    await page.waitForSelector('.bank-row')
  })
  afterAll(() => house?.close())

  const menu = async (entry: string) => {
    await page.locator('.document').click()
    await page.locator('.menu-item', { hasText: entry }).click()
  }
  const save = async () => {
    await page.locator('canvas').focus()
    const stored = page.waitForResponse(response => response.request().method() === 'POST' && response.url().includes('userdata'))
    await page.keyboard.press('Control+s')
    await stored
    await until(page, `document.querySelector('.dirty') === null`)
  }
  const rows = () => page.locator('.version')
  const isDirty = () => page.evaluate(`document.querySelector('.dirty') !== null`)
  const stored = async () => {
    const url = new URL('/userdata/workflows%2Fmine.json', house.url).href
    return (await (await page.request.get(url)).json()) as { nodes: unknown[] }
  }
  const steps = async () => (await graphOf(page)).nodes.find(({ type }) => type === 'PatronusSampleDDIM')?.widgets_values?.[0]
  const picture = async (name: string) => {
    if (pictures !== undefined) await page.screenshot({ path: path.join(pictures, name) })
  }

  test('a graph that was never saved here has none to show', async () => {
    await page.locator('.document').click()
    expect(await page.locator('.menu-item', { hasText: 'Earlier versions…' }).isDisabled()).toBe(true)
    await page.keyboard.press('Escape')
  })

  test('each save is listed with its time and its nodes, the newest marked', async () => {
    await menu('Save as…')
    await page.getByRole('textbox', { name: 'Name to save under' }).fill('mine')
    await page.keyboard.press('Enter')
    await until(page, `document.querySelector('.document .name')?.textContent === 'mine'`)
    const count = (await graphOf(page)).nodes.length
    const field = await fieldAt(page, 'PatronusSampleDDIM', 'steps')
    await page.mouse.click(field.x, field.y)
    await page.keyboard.type('77')
    await page.keyboard.press('Enter')
    await save()
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Delete')
    await save()
    await menu('Earlier versions…')
    await rows().first().waitFor()
    const told = await rows().allTextContents()
    expect(told).toHaveLength(3)
    expect(told[0]).toMatch(/newest0 nodes$/)
    for (const text of told.slice(1)) expect(text).toMatch(new RegExp(`\\d\\d:\\d\\d.*${count} nodes$`))
    await picture('versions-dark.png')
  })

  test('one that is opened is an unsaved change: the server keeps what it has, and undo brings back what was there', async () => {
    await rows().nth(2).click()
    await until(page, `document.querySelector('canvas').data.graph.nodes.length > 0`)
    expect([await isDirty(), (await stored()).nodes]).toEqual([true, []])
    expect(await steps()).not.toBe(77)
    await page.getByText('Not saved yet: Save makes it the newest version.').waitFor()
    await picture('versions-opened.png')
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click()
    await until(page, `document.querySelector('canvas').data.graph.nodes.length === 0`)
    expect(await isDirty()).toBe(false)
  })

  test('from the list of workflows, too; saved, it is one more version and nothing is lost', async () => {
    await page.emulateMedia({ colorScheme: 'light' })
    await menu('Workflows…')
    await page.getByRole('button', { name: 'Delete mine' }).waitFor()
    await picture('workflows-light.png')
    await page.getByRole('button', { name: 'Earlier versions of mine' }).click()
    await rows().first().waitFor()
    await picture('versions-light.png')
    await rows().nth(1).click()
    await until(page, `document.querySelector('canvas').data.graph.nodes.length > 0`)
    expect(await steps()).toBe(77)
    await save()
    expect((await stored()).nodes.length).toBeGreaterThan(0)
    await menu('Earlier versions…')
    await until(page, `document.querySelectorAll('.version').length === 4`)
    await page.keyboard.press('Escape')
    await until(page, `document.querySelector('dialog') === null`)
  })

  test('a deleted one goes to the list of deleted ones, and comes back as it was, with its versions', async () => {
    const before = await stored()
    await page.emulateMedia({ colorScheme: 'dark' })
    await menu('Workflows…')
    await page.getByRole('button', { name: 'Delete mine' }).click()
    const back = page.getByRole('button', { name: 'Bring back mine' })
    await back.waitFor()
    await picture('workflows-deleted-dark.png')
    expect(await page.getByRole('button', { name: 'Delete mine' }).count()).toBe(0)
    const url = new URL('/userdata/workflows%2Fmine.json', house.url).href
    expect((await page.request.get(url)).status()).toBe(404)
    await back.click()
    await page.getByRole('button', { name: 'Earlier versions of mine' }).click()
    await until(page, `document.querySelectorAll('button.version').length === 5`)
    expect(await stored()).toEqual(before)
    await page.keyboard.press('Escape')
    await until(page, `document.querySelector('dialog') === null`)
  })

  test('deleting one that is gone says so in the sheet', async () => {
    const listed = page.waitForResponse(response => response.url().endsWith('/patronus/saved'))
    await menu('Workflows…')
    await (await listed).finished()
    await page.request.delete(new URL('/userdata/workflows%2Fmine.json', house.url).href)
    await page.getByRole('button', { name: 'Delete mine' }).click()
    await page.getByRole('alert').filter({ hasText: 'There is no "workflows/mine.json"' }).waitFor()
    await page.keyboard.press('Escape')
    expect(troubles.splice(0)).toEqual([expect.stringContaining('404')])
  })

  test('nothing went wrong in the page meanwhile', () => expect(troubles).toEqual([]))
})
