import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { writeCheckpoint } from '../../engine/checkpoint/safetensors.ts'
import type { NamesFile } from '../../server/protocol.ts'
import { trainingConfigs } from '../../train/configs.ts'
import { tinyCheckpoint } from '../tiny-model.ts'
import { missing, openHouse, until, type House } from './house.ts'

const reason = missing()
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

whenPossible('suggested names in the bank', () => {
  let folder: string
  let house: House
  let page: Page
  const troubles: string[] = []

  /** Under the name that the first workflow loads. */
  const write = (provenance: Record<string, string>) => {
    const { info, ...rest } = tinyCheckpoint()
    return writeCheckpoint(path.join(folder, 'avatars64.safetensors'), { ...rest, info: { ...info, provenance } })
  }
  const trained = () => {
    const data = { kind: 'avatars', size: 16, train: 64, test: 200, seed: 3, bias: 0 }
    return write({ trainingConfig: JSON.stringify({ ...trainingConfigs.tiny, data }) })
  }

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-models-'))
    await write({ imported: 'from PyTorch' })
    await sharp({ create: { width: 60, height: 15, channels: 3, background: 'teal' } }).toFile(path.join(folder, 'avatars64.tiles.png')) // prettier-ignore
    house = await openHouse({ checkpoints: folder })
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()))
    await page.goto(house.url)
    await page.waitForSelector('.bank-row')
  })
  afterAll(async () => {
    await house?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const toggle = () => page.getByRole('button', { name: 'Suggest names' })
  const about = () => page.getByRole('region', { name: 'Suggested names' })
  const first = () => page.locator('.bank-row').first()
  const names = async () => {
    const url = new URL('/patronus/checkpoints/avatars64.safetensors/names', house.url)
    return ((await (await page.request.get(url.href)).json()) as NamesFile).names
  }

  test('an imported checkpoint: the page says why there are none, what to do instead, and keeps its list', async () => {
    await toggle().click()
    await about().getByText('does not say which pictures it was trained on').waitFor()
    expect(await about().textContent()).toContain(
      'npx patronus names <folder>/avatars64.safetensors --suggest --data-set <config>',
    )
    expect(await page.locator('.bank-row').count()).toBe(4)
    expect(await page.locator('.suggestion').count()).toBe(0)
  })

  test('each prototype that tells an attribute shows its evidence, and nothing is named by that', async () => {
    await trained()
    await page.reload()
    await page.waitForSelector('.bank-row')
    await toggle().click()
    await page.waitForSelector('.suggestion', { timeout: 120_000 })
    const texts = await page.locator('.suggestion').allTextContents()
    expect(texts.length).toBe(await page.locator('.bank-row').count())
    for (const text of texts)
      expect(text).toMatch(/AUROC (1\.000|\.[89]\d\d) · untrained (1\.000|\.\d{3}).*\d+ of 200 pictures have .+; next: /)
    expect(await about().textContent()).toContain('nothing is named by itself')
    expect(await names()).toEqual({})
  })

  test('by keyboard: accepted it is the name of its prototype, the focus stays, and Enter takes it back', async () => {
    const suggestion = await first().locator('.suggestion-name').textContent()
    await first()
      .getByRole('button', { name: /^Accept “/ })
      .focus()
    await page.keyboard.press('Enter')
    await until(page, `document.activeElement.textContent === 'Undo'`)
    expect(await first().locator('.bank-name').textContent()).toBe(suggestion)
    const [entry] = Object.values(await names())
    expect(entry.name).toBe(suggestion)
    expect(entry.note).toMatch(/AUROC/)
    await page.keyboard.press('Enter')
    await until(page, `document.activeElement.textContent === 'Accept'`)
    expect(await names()).toEqual({})
  })

  test('they can be left: any order shows the whole bank again, and asking once more is answered at once', async () => {
    await page.getByRole('radio', { name: 'Number' }).click()
    await page.waitForSelector('.suggestion', { state: 'detached' })
    expect([await page.locator('.bank-row').count(), await about().count()]).toEqual([4, 0])
    expect(await toggle().getAttribute('aria-pressed')).toBe('false')
    await toggle().click()
    await page.waitForSelector('.suggestion', { timeout: 2_000 })
  })

  test('nothing went wrong in the page meanwhile', () => expect(troubles.filter(text => !/status of 422/.test(text))).toEqual([]))
})
