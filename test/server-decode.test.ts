/** Pictures are decoded in processes that may be lost (server/decode-pool.ts). The real program of dist/, and stand-ins that misbehave. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { countOf } from '../analysis/data-set.ts'
import { createDecodePool } from '../server/decode-pool.ts'
import { decoders } from '../server/decode.ts'
import { webpFrames } from '../server/webp-frames.ts'
import { folderDataSet } from '../train/datasets/folder.ts'
import { pngOf } from './server-parts.ts'

const script = path.join(__dirname, '../dist/server/decode-process.js')
const whenBuilt = existsSync(script) ? describe : describe.skip
if (!existsSync(script)) console.warn('test/server-decode.test.ts is partly skipped: dist/ is missing; `npm test` builds it')

let folder: string
beforeAll(async () => void (folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-decode-'))))
afterAll(() => rm(folder, { recursive: true }))

/** A decoder that does `code` with a task. */
async function standIn(name: string, code: string): Promise<string> {
  const file = path.join(folder, `${name}.cjs`)
  await writeFile(file, `process.on('message', task => { ${code} }); process.on('disconnect', () => process.exit(0))`)
  return file
}
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it was taken',
    (error: { type?: string; status?: number; message: string }) => [error.status, error.type, error.message],
  )

whenBuilt('the real decoder process', () => {
  test('gives what decoding in this process gives, and the same refusals', async () => {
    const pool = createDecodePool({ script })
    const file = path.join(folder, 'a.png')
    await writeFile(file, await pngOf(20, 10))
    const [here, there] = await Promise.all([decoders.read(file), pool.read(file)])
    expect([there.width, there.height, there.channels]).toEqual([20, 10, 3])
    expect(Buffer.from(there.data).equals(Buffer.from(here.data))).toBe(true)
    expect(await pool.check(await pngOf(3, 3))).toBe('png')
    expect(await pool.size(file)).toEqual({ width: 20, height: 10 })
    expect((await sharp(await pool.cut(file, { left: 1, top: 2, width: 3, height: 4 })).metadata()).width).toBe(3)
    expect((await pool.convert(file, { preview: 'webp;50' })).mime).toBe('image/webp')
    for (const bytes of [Buffer.from('no picture'), (await pngOf(9, 9)).subarray(0, 60), Buffer.from('<svg xmlns="x"/>')])
      expect(await refusal(pool.check(bytes))).toEqual(await refusal(decoders.check(bytes)))
    pool.close()
  })

  test('reads a folder of pictures as training does: grey, turned, transparent and deep ones, too', async () => {
    const pictures = await mkdtemp(path.join(folder, 'set-'))
    const colours = sharp(await pngOf(30, 20))
    await colours.clone().png().toFile(path.join(pictures, 'colour.png'))
    await colours.clone().jpeg().withMetadata({ orientation: 6 }).toFile(path.join(pictures, 'turned.jpg'))
    await colours.clone().greyscale().toColourspace('b-w').png().toFile(path.join(pictures, 'grey.png'))
    await colours.clone().ensureAlpha(0.3).webp({ lossless: true }).toFile(path.join(pictures, 'clear.webp'))
    await colours.clone().toColourspace('rgb16').png().toFile(path.join(pictures, 'deep.png'))
    await writeFile(path.join(pictures, 'broken.png'), (await pngOf(9, 9)).subarray(0, 60))
    const pool = createDecodePool({ script })
    for (const channels of [1, 3] as const) {
      const options = { path: pictures, size: 8, channels, test: 2, seed: 1 }
      const [here, there] = [await folderDataSet(options), await folderDataSet(options, { decode: pool.flat })]
      expect(there.data).toEqual(here.data)
      expect(there.skipped.map(({ file }) => file)).toEqual(['broken.png'])
      expect(countOf(there.data.train) + countOf(there.data.test)).toBe(5)
    }
    pool.close()
  })

  // Only there a process can be asked for its children.
  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux(
    'is what decodes when a graph asks for a folder of pictures',
    async () => {
      const pictures = await mkdtemp(path.join(folder, 'asked-'))
      for (const name of ['a.png', 'b.png']) await writeFile(path.join(pictures, name), await pngOf(9, 9))
      // Run where it runs, in a process over dist/: decoders are its children.
      const program = `
      const { createSources } = await import(${JSON.stringify(path.join(__dirname, '../dist/cli/sources.js'))})
      const request = { set: 'mine', count: 1, seed: 1, image: { height: 8, width: 8, channels: 3 } }
      const hooks = { signal: new AbortController().signal, progress: () => {} }
      const found = await createSources().dataSet(request, ${JSON.stringify(pictures)}, hooks)
      const { readFileSync } = await import('node:fs')
      const children = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim().split(' ')
      const programs = children.map(id => readFileSync('/proc/' + id + '/cmdline', 'utf8'))
      console.log(JSON.stringify([found.shape, programs.filter(text => text.includes('decode-process.js')).length]))
      process.exit(0)`
      const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
      expect(JSON.parse(out)).toEqual([[8, 8, 3], 1])
    },
    30_000,
  )

  test('is ended when it takes more memory than it may', async () => {
    const pool = createDecodePool({ script, bytes: 1 << 20 })
    expect(await refusal(pool.check(await pngOf(4000, 4000)))).toEqual([413, 'image_too_costly', expect.stringMatching(/1 MB/)])
    pool.close()
  }, 30_000)
})

test('a picture of a data set that kills its decoder is left out, and the others are read', async () => {
  const pictures = await mkdtemp(path.join(folder, 'hostile-'))
  for (const name of ['a.png', 'evil.png', 'z.png']) await writeFile(path.join(pictures, name), '')
  const code = `if (task.given[0].endsWith('evil.png')) return process.exit(3)
    process.send({ value: { data: new Uint8Array(12), width: 2, height: 2, channels: 3 } })`
  const pool = createDecodePool({ script: await standIn('evil', code) })
  const { data, skipped } = await folderDataSet({ path: pictures, size: 2, channels: 3, test: 1, seed: 1 }, { decode: pool.flat })
  expect(countOf(data.train) + countOf(data.test)).toBe(2)
  expect(skipped).toEqual([{ file: 'evil.png', reason: expect.stringMatching(/the decoder ended with 3/) }])
  pool.close()
})

test('a picture that is decoded for ever is given up, and the next one has a new process', async () => {
  const code = `if (task.given[0] === 'slow') return; process.send({ value: { pid: process.pid } })`
  const pool = createDecodePool({ script: await standIn('slow', code), patience: 800, most: 1 })
  const first = await pool.size('quick')
  const began = Date.now()
  expect(await refusal(pool.size('slow'))).toEqual([413, 'image_too_costly', expect.stringMatching(/within 0.8 s/)])
  expect(Date.now() - began).toBeLessThan(5000)
  const next = await pool.size('quick')
  expect(next).not.toEqual(first)
  pool.close()
})

test('a decoder that crashes costs its picture only; those that wait are decoded', async () => {
  const code = `if (task.given[0] === 'bad') process.kill(process.pid, 'SIGSEGV'); else setTimeout(() => process.send({ value: task.given[0] }), 20)`
  const pool = createDecodePool({ script: await standIn('crash', code), most: 2 })
  const asked = ['a', 'bad', 'b', 'c', 'bad', 'd'].map(name => refusal(pool.size(name).then(value => Promise.reject(value))))
  const answers = await Promise.all(asked)
  expect(answers.filter(answer => answer[1] === 'broken_image')).toHaveLength(2)
  expect(answers[1]).toEqual([400, 'broken_image', expect.stringMatching(/SIGSEGV/)])
  pool.close()
})

test('no more than two decode at once, and beyond those that may wait the answer is to come back', async () => {
  const file = path.join(folder, 'log')
  const code = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(file)}, '+'); setTimeout(() => { fs.appendFileSync(${JSON.stringify(file)}, '-'); process.send({ value: 1 }) }, 100)`
  const pool = createDecodePool({ script: await standIn('busy', code), most: 2, waiting: 3 })
  const answers = await Promise.all(Array.from({ length: 7 }, () => refusal(pool.size('x'))))
  expect(answers.filter(answer => answer === 'it was taken')).toHaveLength(5)
  expect(answers.filter(answer => answer[0] === 503)).toHaveLength(2)
  const log = (await import('node:fs')).readFileSync(file, 'utf8')
  const depths = [...log].map(
    (
      (depth: number) => (sign: string) =>
        (depth += sign === '+' ? 1 : -1)
    )(0),
  )
  expect(Math.max(...depths)).toBe(2)
  pool.close()
})

test('frames of a WebP are counted without decoding, and only so far as they matter', async () => {
  const frame = { create: { width: 4, height: 4, channels: 3 as const, background: 'red' } }
  const still = await sharp(frame).webp().toBuffer()
  expect(await webpFrames(still, 1000)).toBe(0)
  const chunk = Buffer.concat([Buffer.from('ANMF'), Buffer.from([2, 0, 0, 0]), Buffer.alloc(2)])
  const animated = (count: number) => Buffer.concat([still.subarray(0, 12), ...Array<Buffer>(count).fill(chunk)])
  expect(await webpFrames(animated(7), 1000)).toBe(7)
  expect(await webpFrames(animated(2000), 1000)).toBe(1001)
  const file = path.join(folder, 'many.webp')
  await writeFile(file, animated(2000))
  expect(await refusal(decoders.size(file))).toEqual([413, 'image_too_large', expect.stringMatching(/1000 frames/)])
  for (const bytes of [Buffer.alloc(0), Buffer.from('RIFF'), still.subarray(0, 15), await pngOf(2, 2)])
    expect(await webpFrames(bytes, 9)).toBe(0)
})
