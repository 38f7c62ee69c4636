import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { avatars, drawFaces, renderFace } from '../train/datasets/avatars.ts'
import { attribute, pictures } from '../analysis/data-set.ts'
import { attributesOf, faceAttributes, type Face, type FaceAttribute } from '../train/datasets/faces.ts'

/** How often each attribute occurs in a balanced set (spec/avatars.md). */
const share: Record<FaceAttribute, number> = {
  'black hair': 0.25,
  'brown hair': 0.25,
  'blond hair': 0.25,
  'red hair': 0.25,
  'long hair': 0.5,
  smiling: 0.5,
  eyeglasses: 0.35,
  'eyes closed': 0.25,
  beard: 0.2,
  moustache: 0.2,
  'dark skin': 0.4,
  'red clothes': 0.4,
  hoodie: 0.4,
}

const table = (faces: readonly Face[]) => {
  const rows = faces.map(attributesOf)
  return (name: FaceAttribute) => rows.map(row => row[faceAttributes.indexOf(name)])
}
const portion = (values: readonly boolean[]) => values.filter(Boolean).length / values.length

test('in a balanced set every attribute occurs as often as the specification says, within four deviations', () => {
  const count = 4000,
    column = table(drawFaces({ count, seed: 3 }))
  for (const name of faceAttributes) {
    const p = share[name]
    expect(Math.abs(portion(column(name)) - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / count))
  }
})

test('a face has exactly one hair colour, and a beard or a moustache but never both', () => {
  const rows = drawFaces({ count: 500, seed: 4 }).map(attributesOf)
  const at = (row: readonly boolean[], name: FaceAttribute) => row[faceAttributes.indexOf(name)]
  for (const row of rows) {
    expect(row.slice(0, 4).filter(Boolean)).toHaveLength(1)
    expect(at(row, 'beard') && at(row, 'moustache')).toBe(false)
  }
})

test('hair colour says nothing about a smile in a balanced set, decides it in a biased one, and nearly so in a softly biased one', () => {
  const agreement = (bias: number) => {
    const faces = drawFaces({ count: 3000, seed: 5, bias })
    return portion(faces.map(face => face.smiling === (face.hair !== 'black')))
  }
  expect(agreement(0)).toBeCloseTo(0.5, 1)
  expect(agreement(1)).toBe(1)
  // Faces that do not follow the rule toss a coin, and half of those agree with it all the same.
  expect(Math.abs(agreement(0.95) - 0.975)).toBeLessThan(0.015)
})

test('a biased set has no red hair, and its balanced test set can be drawn without it', () => {
  expect(drawFaces({ count: 500, seed: 6, bias: 1 }).some(face => face.hair === 'red')).toBe(false)
  const judged = drawFaces({ count: 2000, seed: 6, bias: 0, redHair: false })
  expect(judged.some(face => face.hair === 'red')).toBe(false)
  expect(portion(judged.map(face => face.smiling === (face.hair !== 'black')))).toBeCloseTo(0.5, 1)
})

test('the same seed gives the same bytes, a longer set begins with the shorter one, and another seed gives others', async () => {
  const make = (count: number, seed: number) => avatars({ count, seed, size: 32, cache: false })
  const [short, again, long, other] = await Promise.all([make(4, 1), make(4, 1), make(6, 1), make(4, 2)])
  expect(again).toEqual(short)
  expect(long.images.slice(0, short.images.length)).toEqual(short.images)
  expect(other.images).not.toEqual(short.images)
})

test('each attribute shows: turning it on changes the picture, and small ones only in their own place', async () => {
  const [face] = drawFaces({ count: 1, seed: 1 })
  const plain: Face = {
    ...face,
    hair: 'brown',
    longHair: false,
    smiling: false,
    eyeglasses: false,
    eyesClosed: false,
    facialHair: 'none',
    darkSkin: false,
    redClothes: false,
    hoodie: false,
    look: {
      ...face.look,
      top: 'shortFlat',
      mouth: 'serious',
      skinColor: 'edb98a',
      clothesColor: '5199e4',
      shift: [0, 0],
      rotation: 0,
      scale: 0,
    },
  }
  const before = await renderFace(plain, 64)
  const changed = async (change: Partial<Face>, look: Partial<Face['look']> = {}) => {
    const after = await renderFace({ ...plain, ...change, look: { ...plain.look, ...look } }, 64)
    const at = Array.from({ length: 64 * 64 }, (_, i) => i).filter(i =>
      [0, 1, 2].some(c => Math.abs(after[3 * i + c] - before[3 * i + c]) > 8),
    )
    const span = (values: number[]) => Math.max(...values) - Math.min(...values) + 1
    return { pixels: at.length, width: span(at.map(i => i % 64)), height: span(at.map(i => Math.floor(i / 64))) }
  }
  const smile = await changed({ smiling: true }, { mouth: 'smile' })
  expect(smile.pixels).toBeGreaterThan(30)
  expect(smile.width).toBeLessThan(18)
  expect(smile.height).toBeLessThan(12)
  const eyes = await changed({ eyesClosed: true })
  expect(eyes.pixels).toBeGreaterThan(20)
  expect(eyes.height).toBeLessThan(12)
  expect((await changed({ facialHair: 'moustache' })).pixels).toBeGreaterThan(60)
  expect((await changed({ eyeglasses: true })).pixels).toBeGreaterThan(100)
  expect((await changed({ facialHair: 'beard' })).pixels).toBeGreaterThan(300)
  expect((await changed({ redClothes: true }, { clothesColor: 'ff5c5c' })).pixels).toBeGreaterThan(200)
  expect((await changed({ hoodie: true })).pixels).toBeGreaterThan(60)
  expect((await changed({ hair: 'red' })).pixels).toBeGreaterThan(150)
  expect((await changed({ longHair: true }, { top: 'bob' })).pixels).toBeGreaterThan(300)
  expect((await changed({ darkSkin: true }, { skinColor: 'ae5d29' })).pixels).toBeGreaterThan(500)
})

test('a set is rendered once and read back the same; a damaged cache file is rendered anew', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'patronus-faces-'))
  try {
    const options = { count: 3, seed: 9, size: 16, cache }
    const first = await avatars(options),
      [file] = await readdir(cache)
    expect(await readdir(cache)).toHaveLength(1)
    let rendered = 0
    expect(await avatars({ ...options, onProgress: () => rendered++ })).toEqual(first)
    expect(rendered).toBe(0)
    await writeFile(join(cache, file), 'cut off')
    expect(await avatars(options)).toEqual(first)
  } finally {
    await rm(cache, { recursive: true })
  }
})

test('pictures come in -1 … 1, columns by name, and what is not there is named', async () => {
  const data = await avatars({ count: 5, seed: 2, size: 16, cache: false })
  const [x] = [pictures(data, [3])]
  expect(x).toHaveLength(16 * 16 * 3)
  expect(x[0]).toBeCloseTo(data.images[3 * x.length] / 127.5 - 1, 6)
  expect([...attribute(data, 'smiling')]).toEqual(drawFaces({ count: 5, seed: 2 }).map(face => Number(face.smiling)))
  expect(() => attribute(data, 'hat')).toThrow(/no attribute "hat"; it has: black hair, /)
  expect(() => pictures(data, [5])).toThrow(/picture 5 wanted, it has 0 … 4/)
})

test.each([
  [{ count: 0, seed: 1 }, /count must be a whole number of at least 1, got 0/],
  [{ count: 1, seed: 1, size: 4 }, /size must be 8 … 1024 pixels, got 4/],
  [{ count: 1, seed: 1, bias: 2 }, /bias must be 0 … 1, got 2/],
])('wrong options are refused by name: %j', async (options, message) => {
  await expect(avatars({ ...options, cache: false })).rejects.toThrow(message)
})
