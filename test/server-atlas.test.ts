import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import type { AtlasFile } from '../analysis/atlas-file.ts'
import { makeAtlas, type Atlas } from '../analysis/atlas.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { gaussian } from '../model/noise.ts'
import { tensor } from '../model/tensor.ts'
import { writeAtlas } from '../train/atlas-sheet.ts'
import { testServer, type TestServer } from './server-parts.ts'
import { tinyCheckpoint, tinyPatronus } from './tiny-model.ts'

/** The atlas beside a checkpoint at a listening server: made as `patronus atlas` makes it, from a tiny model. */

const faces = 2
let server: TestServer
let folder: string
let id: string
let atlas: Atlas

beforeAll(async () => {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-atlas-'))
  folder = path.join(data, 'checkpoints')
  await mkdir(folder)
  server = await testServer({ data })
  id = await writeCheckpoint(path.join(folder, 'tiny.safetensors'), tinyCheckpoint())
  await writeCheckpoint(path.join(folder, 'bare.safetensors'), tinyCheckpoint())
  const made = await makeAtlas(await tinyPatronus(), gaussian([faces, 16, 16, 3], 1), { steps: 2 }, nowhere)
  atlas = { ...made, images: tensor(made.images.shape, made.images.data.map(shade)) }
  await write()
})
afterAll(() => server.clean())

const nowhere = { read: async () => undefined, write: async () => {} }
const write = () => writeAtlas(path.join(folder, 'tiny'), atlas, id)

/** Grey of picture i, -1 … 1: every picture of the sheet has its own. */
const grey = (i: number): number => (20 * i) / 127.5 - 1
const shade = (_: number, at: number): number => grey(Math.floor(at / (16 * 16 * 3)))

const url = (checkpoint: string, rest = '') => `${server.origin}/patronus/checkpoints/${checkpoint}.safetensors${rest}`
const get = async (address: string) => {
  const response = await fetch(address)
  return { status: response.status, body: (await response.json()) as AtlasFile & { error: { type: string; message: string } } }
}
const strip = (index: string, checkpoint = 'tiny') => fetch(url(checkpoint, `/atlas/${index}`))

test('a checkpoint says whether it has an atlas', async () => {
  expect((await get(url('tiny'))).body).toMatchObject({ hasAtlas: true })
  expect((await get(url('bare'))).body).toMatchObject({ hasAtlas: false })
})

test('the atlas is answered as it was made, rounded', async () => {
  const { status, body } = await get(url('tiny', '/atlas'))
  expect(status).toBe(200)
  expect(body).toMatchObject({ checkpoint: id, faces, steps: 2, picture: { width: 16, height: 16 } })
  expect(body.entries.map(({ prototype }) => prototype)).toEqual([0, 1, 2, 3])
  body.entries.forEach(({ consistency, after, boxes }, i) => {
    expect(consistency).toBeCloseTo(atlas.entries[i].consistency!, 4)
    expect(after).toEqual(atlas.entries[i].after.map(value => expect.closeTo(value, 4)))
    expect(boxes).toEqual(atlas.entries[i].boxes)
  })
})

test('the pictures of a prototype are its own, in order', async () => {
  for (const prototype of [0, 1, 2, 3]) {
    const { data, info } = await sharp(Buffer.from(await (await strip(`${prototype}.png`)).arrayBuffer()))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([faces * 16, 16])
    for (let e = 0; e < faces; e++)
      // WebP rounds in YUV: two steps of 255 at most on a flat grey.
      expect(Math.abs(data[(8 * info.width + e * 16 + 8) * info.channels] - 20 * (prototype * faces + e))).toBeLessThan(3)
  }
})

test('what is no picture of it is 404', async () => {
  for (const index of ['4.png', '99999.png', '-1.png', 'x', '2', '1.webp']) expect((await strip(index)).status).toBe(404)
  for (const name of ['none', '..%2Ftiny']) expect((await get(url(name, '/atlas'))).status).toBeGreaterThanOrEqual(400)
})

test('without an atlas the answer says how to make one', async () => {
  const { status, body } = await get(url('bare', '/atlas'))
  expect([status, body.error.type]).toEqual([404, 'no_atlas'])
  expect(body.error.message).toContain('npx patronus atlas <folder>/bare.safetensors')
  expect((await strip('0.png', 'bare')).status).toBe(404)
})

test('an atlas made from other weights is refused with 409, its pictures, too', async () => {
  await writeCheckpoint(path.join(folder, 'other.safetensors'), tinyCheckpoint({ seed: 2 }))
  for (const kind of ['json', 'webp'])
    await copyFile(path.join(folder, `tiny.atlas.${kind}`), path.join(folder, `other.atlas.${kind}`))
  const { status, body } = await get(url('other', '/atlas'))
  expect([status, body.error.type]).toEqual([409, 'other_checkpoint'])
  expect(body.error.message).toMatch(new RegExp(`${id.slice(0, 12)}.*make one with`))
  expect((await strip('0.png', 'other')).status).toBe(409)
})

test('a spoilt file is 422, with what is wrong and never a path of this machine', async () => {
  const file = path.join(folder, 'tiny.atlas.json')
  const text = await readFile(file, 'utf8')
  const spoilt = ['', '{', '[]', text.replace('"x0":', '"x0":-1'), text.replace('"prototype":3', '"prototype":4'), ' '.repeat((16 << 20) + 1)] // prettier-ignore
  for (const bad of spoilt) {
    await writeFile(file, bad)
    const { status, body } = await get(url('tiny', '/atlas'))
    expect([status, body.error.type]).toEqual([422, 'bad_atlas'])
    expect(body.error.message).toMatch(/cannot be used \(.+\); make one with/)
    expect(body.error.message).not.toContain(server.data)
    expect((await strip('0.png')).status).toBe(422)
  }
  expect((await fetch(url('tiny'))).status).toBe(200)
  await write()
})

test('a sheet that is missing, cut off, no picture, or of another size is 422', async () => {
  const file = path.join(folder, 'tiny.atlas.webp')
  const whole = await readFile(file)
  const small = await sharp(whole).resize(16, 16).webp().toBuffer()
  for (const bad of [undefined, whole.subarray(0, whole.length / 2), Buffer.from('<svg/>'), small]) {
    await rm(file, { force: true })
    if (bad) await writeFile(file, bad)
    const response = await strip('3.png')
    expect(response.status).toBe(422)
    expect(await response.text()).not.toContain(server.data)
  }
  await write()
  expect((await strip('3.png')).status).toBe(200)
})
