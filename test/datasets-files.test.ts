import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { resizeBicubic } from '../model/resize.ts'
import { parseAttributes } from '../train/datasets/attribute-table.ts'
import { countOf, pictures } from '../analysis/data-set.ts'
import { folderDataSet } from '../train/datasets/folder.ts'
import { idxDataSet, parseIdx, resizeGrey } from '../train/datasets/idx.ts'
import { idx } from './idx-files.ts'
import { channelsLast, maxDifference, readNpy } from './npy.ts'

const misc = resolve('../shared/parity/misc')

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-data-'))))
afterEach(() => rm(folder, { recursive: true }))

describe('resizing', () => {
  const ramp = { shape: [1, 4, 4, 1], data: Float32Array.from({ length: 16 }, (_, i) => i) }

  test('keeps a picture of one colour as it is at any size, and every picture at its own size', () => {
    const flat = { shape: [1, 5, 7, 3], data: new Float32Array(105).fill(0.25) }
    for (const [height, width] of [
      [3, 3],
      [5, 7],
      [16, 2],
    ])
      expect(
        maxDifference(resizeBicubic(flat, height, width).data, new Float32Array(height * width * 3).fill(0.25)),
      ).toBeLessThan(1e-6)
    expect(resizeBicubic(ramp, 4, 4).data).toEqual(ramp.data)
  })

  test('commutes with mirroring and with swapping height and width', () => {
    const mirrored = { ...ramp, data: ramp.data.slice().reverse() }
    expect(maxDifference(resizeBicubic(mirrored, 3, 6).data, resizeBicubic(ramp, 3, 6).data.slice().reverse())).toBeLessThan(1e-5)
    const swap = (x: Float32Array, height: number, width: number) =>
      Float32Array.from(x, (_, i) => x[(i % height) * width + Math.floor(i / height)])
    const swapped = { ...ramp, data: swap(ramp.data, 4, 4) }
    expect(maxDifference(resizeBicubic(swapped, 6, 3).data, swap(resizeBicubic(ramp, 3, 6).data, 3, 6))).toBeLessThan(1e-5)
  })

  test('widens its kernel when it shrinks: a checkerboard becomes grey, not one of its colours', () => {
    const board = {
      shape: [1, 32, 32, 1],
      data: Float32Array.from({ length: 1024 }, (_, i) => ((i % 32) + Math.floor(i / 32)) % 2),
    }
    expect(maxDifference(resizeBicubic(board, 8, 8).data, new Float32Array(64).fill(0.5))).toBeLessThan(0.02)
  })

  const shared = existsSync(misc) ? test : test.skip
  shared('gives the numbers of the authors’ transforms (shared parity kit; skipped where that is absent)', () => {
    const bytes = readNpy(join(misc, 'fmnist_u8.npy')),
      [B, H, W] = bytes.shape
    const wanted = channelsLast(readNpy(join(misc, 'fmnist_32.npy')))
    expect(maxDifference(resizeGrey({ shape: [B, H, W], data: Uint8Array.from(bytes.data) }, 32), wanted.data)).toBeLessThan(1e-6)
    const faces = readNpy(join(misc, 'celeba_like_u8.npy')),
      shape = faces.shape.length === 3 ? [1, ...faces.shape] : faces.shape
    const small = resizeBicubic({ shape, data: faces.data.map(v => v / 255) }, 64, 64).data.map(v => 2 * v - 1)
    const squashed = readNpy(join(misc, 'celeba_like_64.npy'))
    expect(
      maxDifference(
        small,
        channelsLast(squashed.shape.length === 3 ? { ...squashed, shape: [1, ...squashed.shape] } : squashed).data,
      ),
    ).toBeLessThan(1e-6)
  })
})

describe('idx files', () => {
  const images = idx([2, 2, 2], [0, 255, 255, 0, 10, 20, 30, 40]),
    labels = idx([2], [1, 0])

  test('are read plain or packed, with labels, and brought to -1 … 1', async () => {
    await writeFile(join(folder, 't10k-images-idx3-ubyte.gz'), gzipSync(images))
    await writeFile(join(folder, 't10k-labels-idx1-ubyte'), labels)
    const data = await idxDataSet(folder, 'test', { size: 2, classes: ['shoe', 'bag'] })
    expect(countOf(data)).toBe(2)
    expect(maxDifference(pictures(data, [0]), [-1, 1, 1, -1])).toBeLessThan(1e-6)
    expect(data.classes).toEqual({ names: ['shoe', 'bag'], values: Uint8Array.of(1, 0) })
    expect(countOf(await idxDataSet(folder, 'test', { size: 2, count: 1 }))).toBe(1)
  })

  test.each([
    ['nothing in it', Buffer.alloc(0), /has 0 bytes, not even a header/],
    ['another format', Buffer.from('PNG image'), /wanted it to begin with 00 00 08 .*, got 50 4e 47/],
    ['a header cut off', images.subarray(0, 9), /the header ends after 9 of 16 bytes/],
    ['data cut off', images.subarray(0, -1), /shape \[2,2,2\] wants 8 bytes of data, the file holds 7; it is cut off/],
    ['data left over', Buffer.concat([images, Buffer.of(1)]), /wants 8 bytes of data, the file holds 9/],
    ['a size beyond all bounds', idx([0xffffffff, 0xffffffff, 0xffffffff], [1]), /wants .* bytes of data, the file holds 1/],
  ])('with %s are refused with their name and the reason', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'x.idx')).toThrow(message)
    expect(() => parseIdx(bytes, 'x.idx')).toThrow(/^x\.idx is not a readable idx file/)
  })

  test('that are missing, packed badly, or of different sets are refused', async () => {
    await expect(idxDataSet(folder, 'train')).rejects.toThrow(
      /found neither .*train-images-idx3-ubyte nor .*\.gz; give the folder/,
    )
    await writeFile(join(folder, 'train-images-idx3-ubyte.gz'), gzipSync(images).subarray(0, 20))
    await expect(idxDataSet(folder, 'train')).rejects.toThrow(/cannot be unpacked .*download it again/)
    await writeFile(join(folder, 'train-images-idx3-ubyte'), images)
    await writeFile(join(folder, 'train-labels-idx1-ubyte'), idx([3], [0, 1, 2]))
    await expect(idxDataSet(folder, 'train')).rejects.toThrow(/2 pictures but labels of shape \[3\]/)
  })
})

describe('attribute tables', () => {
  test('read 1/0, true/false and CelebA’s 1/-1, quoted names, and semicolons', () => {
    const { names, rows } = parseAttributes('file;smiling;"red; hair"\r\na.png;1;-1\r\n"b;1.png";false;true\r\n', 'a.csv')
    expect(names).toEqual(['smiling', 'red; hair'])
    expect([...rows]).toEqual([
      ['a.png', [1, 0]],
      ['b;1.png', [0, 1]],
    ])
  })

  test.each([
    ['', /wanted a header line/],
    ['file,a,a\nx.png,1,0', /the attribute "a" occurs twice/],
    ['file,a\nx.png,1,0', /t\.csv, line 2: wanted 1 values after the file name, got 2/],
    ['file,a\nx.png,1\nx.png,0', /line 3: "x\.png" has a row already/],
    ['file,a\nx.png,maybe', /line 2: "a" of "x\.png" should be 1 or 0 .* got "maybe"/],
  ])('say what is wrong and where: %j', (text, message) => expect(() => parseAttributes(text, 't.csv')).toThrow(message))
})

describe('a folder of pictures', () => {
  const picture = (name: string, colour: string, width = 6, height = 9) =>
    sharp({ create: { width, height, channels: 3, background: colour } })
      .png()
      .toFile(join(folder, name))
  const options = (more = {}) => ({ path: folder, size: 4, channels: 3 as const, test: 1, seed: 1, ...more })

  test('is squashed to one size and split, the same pictures held out for the same seed', async () => {
    for (const [i, colour] of ['#ff0000', '#00ff00', '#0000ff', '#ffffff'].entries()) await picture(`${i}.png`, colour)
    const { data, skipped } = await folderDataSet(options())
    expect(skipped).toEqual([])
    expect([countOf(data.train), countOf(data.test)]).toEqual([3, 1])
    expect(data.train.shape).toEqual([4, 4, 3])
    for (const i of [0, 1, 2]) for (const v of pictures(data.train, [i])) expect(Math.abs(Math.abs(v) - 1)).toBeLessThan(1e-5)
    expect((await folderDataSet(options())).data).toEqual(data)
  })

  test('gives every picture its own row of the table, and grey pictures when asked', async () => {
    await picture('dark.png', '#000000')
    await picture('light.png', '#ffffff')
    await writeFile(join(folder, 'a.csv'), 'file,light\nlight.png,1\ndark.png,0\n')
    const { data } = await folderDataSet(options({ channels: 1, attributes: join(folder, 'a.csv') }))
    for (const part of [data.train, data.test]) expect(part.attributes!.values[0]).toBe(pictures(part, [0])[0] > 0 ? 1 : 0)
    expect(data.train.attributes!.values[0] + data.test.attributes!.values[0]).toBe(1)
  })

  test('leaves out files that cannot be read or have no row, and names them with the reason', async () => {
    for (const name of ['a.png', 'b.png', 'c.png']) await picture(name, '#808080')
    await writeFile(join(folder, 'broken.png'), 'no picture at all')
    await writeFile(join(folder, 'a.csv'), 'file,x\na.png,1\nb.png,0\nbroken.png,0\n')
    const { data, skipped } = await folderDataSet(options({ attributes: join(folder, 'a.csv') }))
    expect(countOf(data.train) + countOf(data.test)).toBe(2)
    expect(skipped.map(({ file }) => file)).toEqual(['broken.png', 'c.png'])
    expect(skipped[1].reason).toMatch(/no row in/)
  })

  test('that holds too little is refused, saying what was left out', async () => {
    await expect(folderDataSet(options())).rejects.toThrow(/holds no pictures/)
    await expect(folderDataSet(options({ path: join(folder, 'nowhere') }))).rejects.toThrow(/is not a folder/)
    await picture('a.png', '#808080')
    await writeFile(join(folder, 'broken.png'), 'x')
    await expect(folderDataSet(options())).rejects.toThrow(
      /1 of 2 pictures can be used, 1 of them are wanted for testing and more for training; left out: broken\.png/,
    )
    await expect(folderDataSet(options({ attributes: join(folder, 'no.csv') }))).rejects.toThrow(
      /attribute table .*no\.csv cannot be read/,
    )
  })
})
