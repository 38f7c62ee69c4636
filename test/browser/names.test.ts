import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import type { NamesFile } from '../../server/protocol.ts'
import { missing, openHouse, until, type House } from './house.ts'

const reason = missing()
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

whenPossible('naming a prototype', () => {
  let house: House
  let page: Page
  const troubles: string[] = []

  beforeAll(async () => {
    house = await openHouse()
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 }, acceptDownloads: true })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()))
    await page.goto(house.url)
    await inOrder()
  })
  afterAll(() => house?.close())

  const inOrder = async () => {
    await page.waitForSelector('.bank-row')
    await page.getByRole('radio', { name: 'Number' }).click()
  }
  const row = (index: number) => page.locator('.bank-row').nth(index)
  const nameOf = (index: number) => row(index).locator('.bank-name').textContent()
  const closed = () => page.waitForSelector('.name-form', { state: 'detached' })
  const menu = async (entry: string) => {
    await page.getByRole('button', { name: 'Names: import, export' }).click()
    await page.locator('.menu-item', { hasText: entry }).click()
  }

  test('a click on its name, a word and Enter name it; the focus stays on its row', async () => {
    await row(100).locator('.name-button').click()
    await page.keyboard.type('a pair of glasses')
    await page.keyboard.press('Enter')
    await closed()
    expect(await nameOf(100)).toBe('a pair of glasses')
    expect(await page.evaluate(`document.activeElement.textContent`)).toContain('a pair of glasses')
  })

  test('Escape leaves everything as it was', async () => {
    await row(100).locator('.name-button').click()
    await page.keyboard.type('something else')
    await page.keyboard.press('Escape')
    await closed()
    expect(await nameOf(100)).toBe('a pair of glasses')
  })

  test('by keyboard alone: note and confidence, too, without a line of the page taking the keys', async () => {
    await row(3).locator('.name-button').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.type('dark beard')
    await page.keyboard.press('Tab')
    await page.keyboard.type('wide moustaches as well')
    await page.keyboard.press('Tab')
    await page.keyboard.type('80')
    await page.keyboard.press('Enter')
    await closed()
    expect(await row(3).locator('.name-button').textContent()).toMatch(/^dark beard#380 %/)
    expect(await row(3).locator('.name-button').getAttribute('aria-label')).toContain('wide moustaches as well')
  })

  test('the search finds names and notes', async () => {
    const search = page.getByRole('textbox', { name: /^Search prototypes/ })
    await search.fill('moustache')
    expect(await page.locator('.bank-name').allTextContents()).toEqual(['dark beard'])
    await search.fill('PAIR OF')
    expect(await page.locator('.bank-name').allTextContents()).toEqual(['a pair of glasses'])
    await search.fill('')
  })

  test('names outlive the page', async () => {
    await page.reload()
    await inOrder()
    expect([await nameOf(3), await nameOf(100)]).toEqual(['dark beard', 'a pair of glasses'])
  })

  test('the next run shows the name in what its nodes say', async () => {
    await page.keyboard.press('Control+Enter')
    await page.waitForSelector('.button.stop')
    await until(page, `document.querySelector('.button.stop') === null`, 120_000)
    const history = (await (await page.request.get(new URL('/history', house.url).href)).json()) as object
    expect(JSON.stringify(history)).toContain('prototype 100 a pair of glasses: ')
    await page.getByRole('tab', { name: 'Data' }).click()
    await until(page, `document.querySelector('.panel, [role=tabpanel]')?.textContent.includes('a pair of glasses')`)
    await page.getByRole('tab', { name: 'Prototypes' }).click()
  })

  test('an export, with one name changed by hand, is imported again, and that can be undone', async () => {
    const [saved] = await Promise.all([page.waitForEvent('download'), menu('Export names')])
    expect(saved.suggestedFilename()).toBe('avatars64.names.json')
    const file = path.join(house.folder, 'mine.names.json')
    await saved.saveAs(file)
    const exported = JSON.parse(await readFile(file, 'utf8')) as NamesFile
    expect(Object.keys(exported.names)).toEqual(['3', '100'])
    await take(file, { ...exported, names: { 3: { name: 'full beard' } } })
    await page.getByText('Names imported: 1 changed.').waitFor()
    await inOrder()
    expect([await nameOf(3), await nameOf(100)]).toEqual(['full beard', 'a pair of glasses'])
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click()
    await until(page, `[...document.querySelectorAll('.bank-name')].some(name => name.textContent === 'dark beard')`)
  })

  test('names of another checkpoint are taken only when asked for', async () => {
    const file = path.join(house.folder, 'other.names.json')
    const other = { format: 'patronus-names', version: 1, checkpoint: 'ab'.repeat(32), checkpointName: 'theirs' }
    await take(file, { ...other, names: { 4: { name: 'chin' } } })
    await page.getByText(/given for another checkpoint, "theirs"/).waitFor()
    expect(await nameOf(4)).toBe('Prototype 4')
    await page.getByRole('button', { name: 'Import anyway' }).click()
    await until(page, `[...document.querySelectorAll('.bank-name')].some(name => name.textContent === 'chin')`)
  })

  test('nothing went wrong in the page meanwhile', () => expect(troubles.filter(text => !/status of 409/.test(text))).toEqual([]))

  async function take(file: string, names: object): Promise<void> {
    await writeFile(file, JSON.stringify(names))
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), menu('Import names…')])
    await chooser.setFiles(file)
  }
})
