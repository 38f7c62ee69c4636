import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { makeAtlas, type Atlas } from '../../analysis/atlas.ts'
import { writeCheckpoint } from '../../engine/checkpoint/safetensors.ts'
import { gaussian } from '../../model/noise.ts'
import { tensor } from '../../model/tensor.ts'
import { writeAtlas } from '../../train/atlas-sheet.ts'
import { tinyCheckpoint, tinyPatronus } from '../tiny-model.ts'
import { missing, openHouse, until, type House } from './house.ts'

const reason = missing()
const whenPossible = reason ? describe.skip : describe
if (reason) console.warn(`test/browser is skipped: ${reason}`)

const faces = 2
/** Grey of picture e of a prototype, 0 … 255: every picture has its own. */
const grey = (prototype: number, e: number): number => 40 + 25 * (prototype * faces + e)

whenPossible('the atlas in the bank', () => {
  let folder: string
  let house: House
  let page: Page
  let atlas: Atlas
  let id: string
  const asked: string[] = []
  const troubles: string[] = []

  beforeAll(async () => {
    // Under the name that the first workflow loads.
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-models-'))
    id = await writeCheckpoint(path.join(folder, 'avatars64.safetensors'), tinyCheckpoint())
    await sharp({ create: { width: 60, height: 15, channels: 3, background: 'teal' } }).toFile(path.join(folder, 'avatars64.tiles.png')) // prettier-ignore
    const nowhere = { read: async () => undefined, write: async () => {} }
    const made = await makeAtlas(await tinyPatronus(), gaussian([faces, 16, 16, 3], 1), { steps: 2 }, nowhere)
    const shades = made.images.data.map((_, at) => {
      const i = Math.floor(at / (16 * 16 * 3))
      return grey(Math.floor(i / faces), i % faces) / 127.5 - 1
    })
    atlas = { ...made, images: tensor(made.images.shape, shades) }
    house = await openHouse({ checkpoints: folder })
    page = await house.browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.on('pageerror', error => troubles.push(error.stack ?? error.message))
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()))
    page.on('request', request => request.url().includes('/atlas') && asked.push(new URL(request.url()).pathname))
    await page.goto(house.url)
    await page.waitForSelector('.bank-row')
    await page.getByRole('radio', { name: 'Number' }).click()
  })
  afterAll(async () => {
    await house?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const tile = (index: number) => page.locator('.bank-row').nth(index).locator('.tile-button')
  const numbers = () => page.locator('.bank-name').allTextContents()

  test('where there is none, a row that is opened says how to make one, and there is no order by it', async () => {
    await tile(0).click()
    expect(await page.locator('.atlas').textContent()).toContain('npx patronus atlas <folder>/avatars64.safetensors')
    expect(await page.getByRole('radio', { name: 'Consistency' }).count()).toBe(0)
    await tile(0).click()
    expect(await page.locator('.atlas').count()).toBe(0)
  })

  test('one that was made meanwhile shows when a row is opened, by keyboard, and nothing was loaded before', async () => {
    await writeAtlas(path.join(folder, 'avatars64'), atlas, id)
    expect(asked).toEqual([])
    await tile(2).focus()
    await page.keyboard.press('Enter')
    await page.waitForSelector('.atlas-pictures svg')
    expect(await tile(2).getAttribute('aria-expanded')).toBe('true')
    expect(await page.locator('.atlas-pictures svg').count()).toBe(faces)
    await until(page, `performance.getEntriesByType('resource').some(({ name }) => name.includes('/atlas/2.png'))`)
    expect(new Set(asked.map(name => path.basename(name)))).toEqual(new Set(['atlas', '2.png']))
  })

  test('its pictures are those of the prototype, in order, with the patch framed', async () => {
    for (let e = 0; e < faces; e++) {
      const picture = page.locator('.atlas-pictures svg').nth(e)
      const shot = await sharp(await picture.screenshot())
        .greyscale()
        .raw()
        .toBuffer()
      // Most pixels are the picture's own; frame, rounded corners and WebP take the rest.
      const middle = [...shot].sort((a, b) => a - b)[Math.floor(shot.length / 2)]
      expect(Math.abs(middle - grey(2, e))).toBeLessThan(4)
      const { x0, y0, x1, y1 } = atlas.entries[2].boxes[e]
      const frame = picture.locator('.frame')
      const box = await Promise.all(['x', 'y', 'width', 'height'].map(name => frame.getAttribute(name)))
      expect(box.map(Number)).toEqual([x0, y0, x1 - x0, y1 - y0])
    }
    const two = (value: number) => value.toFixed(2).replace(/^(-?)0\./, '$1.')
    expect(await page.locator('.atlas figcaption').textContent()).toContain(`consistency ${two(atlas.entries[2].consistency!)} (chance`) // prettier-ignore
  })

  test('the bank can be put in order of consistency', async () => {
    await page.getByRole('radio', { name: 'Consistency' }).click()
    const wanted = [...atlas.entries].sort(
      (a, b) => Number(b.consistency!.toFixed(4)) - Number(a.consistency!.toFixed(4)) || a.prototype - b.prototype,
    )
    const names = wanted.map(({ prototype }) => (prototype === 1 ? 'corner' : `Prototype ${prototype}`))
    expect(await numbers()).toEqual(names)
    await page.getByRole('radio', { name: 'Number' }).click()
  })

  test('whoever names a prototype has its pictures before them', async () => {
    await page.locator('.bank-row').nth(3).locator('.name-button').click()
    expect(await page.locator('.bank-row').nth(3).locator('.atlas-pictures svg').count()).toBe(faces)
    await page.keyboard.press('Escape')
    await page.waitForSelector('.name-form', { state: 'detached' })
    expect(await page.locator('.bank-row').nth(3).locator('.atlas').count()).toBe(0)
  })

  test('nothing went wrong in the page meanwhile', () => expect(troubles).toEqual([]))
})
