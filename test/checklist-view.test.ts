import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { asking } from './asking.ts'
import { pngOf, testServer, uploadForm, type TestServer } from './server-parts.ts'

/** shared spec, comfyui.md 9.1: pictures out and in, one line a test, in its words. */

let server: TestServer
beforeAll(async () => void (server = await testServer()))
afterAll(() => server.clean())

const { at, post } = asking(() => server)

describe('/view', () => {
  beforeAll(async () => {
    const picture = sharp({ create: { width: 8, height: 4, channels: 4, background: { r: 9, g: 99, b: 200, alpha: 0.5 } } })
    await post('/upload/image', uploadForm(await picture.png().toBuffer(), 'seen.png'))
    await writeFile(path.join(server.data, 'output/page.html'), '<script>1</script>')
  })
  const view = (query: string, init?: RequestInit) => at(`/view?type=input&filename=${query}`, init)

  test('traversal → 400 or 403', async () => {
    const names = ['', '/etc/passwd', '../seen.png', 'a/../../seen.png', '..%2fseen.png', '%2e%2e%2fseen.png']
    for (const name of names) expect([400, 403]).toContain((await view(name)).status)
    expect((await at('/view?filename=seen.png&type=elsewhere')).status).toBe(400)
    for (const subfolder of ['..', '../..', '/etc', 'a/../..'])
      expect([400, 403]).toContain((await view(`seen.png&subfolder=${subfolder}`)).status)
  })

  test('a name that is missing → 404, that is empty → 400; a subfolder that escapes → 403, with a slash at its end is one', async () => {
    expect((await at('/view')).status).toBe(404)
    expect((await at('/view?filename=')).status).toBe(400)
    for (const subfolder of ['..', '/etc', 'a/../..']) expect((await view(`seen.png&subfolder=${subfolder}`)).status).toBe(403)
    await post('/upload/image', uploadForm(await pngOf(2, 2), 'deep.png', { subfolder: 'deep/er/' }))
    for (const subfolder of ['deep/er', 'deep/er/']) expect((await view(`deep.png&subfolder=${subfolder}`)).status).toBe(200)
  })

  test('an annotation behind the name wins over type', async () => {
    expect((await at('/view?filename=seen.png%20[input]&type=output')).status).toBe(200)
    expect((await view('seen.png%20[temp]')).status).toBe(404)
  })

  test('preview=webp;90 gives WebP, preview=jpeg;75 JPEG, an unknown format WebP', async () => {
    for (const [query, format] of [
      ['webp;90', 'webp'],
      ['jpeg;75', 'jpeg'],
      ['tiff;1', 'webp'],
      ['jpeg;75&channel=a', 'webp'],
    ]) {
      const response = await view(`seen.png&preview=${query}`)
      const { format: found } = await sharp(Buffer.from(await response.arrayBuffer())).metadata()
      expect([query, response.headers.get('content-type'), found]).toEqual([query, `image/${format}`, format])
    }
  })

  test('channel=a is the opacity alone, channel=rgb the colours alone, channel=rgba the file as it is', async () => {
    const bytes = async (query: string) => Buffer.from(await (await view(`seen.png${query}`)).arrayBuffer())
    expect([
      ...(
        await sharp(await bytes('&channel=a'))
          .raw()
          .toBuffer()
      ).subarray(0, 2),
    ]).toEqual([128, 128])
    expect([
      ...(
        await sharp(await bytes('&channel=rgb'))
          .raw()
          .toBuffer()
      ).subarray(0, 3),
    ]).toEqual([9, 99, 200])
    expect((await bytes('&channel=rgba')).equals(await bytes(''))).toBe(true)
  })

  test('HTML comes as an octet-stream to be saved', async () => {
    const response = await at('/view?filename=page.html')
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('ETag, Range and HEAD are those of a file', async () => {
    const whole = await view('seen.png')
    const bytes = Buffer.from(await whole.arrayBuffer())
    const etag = whole.headers.get('etag')!
    expect(etag).toMatch(/^(W\/)?"/)
    expect((await view('seen.png', { headers: { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' } })).status).toBe(304)
    const small = await view('seen.png&preview=webp;50', { headers: { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' } })
    expect([small.status, small.headers.get('etag') === etag]).toEqual([200, false])
    const part = await view('seen.png', { headers: { Range: 'bytes=1-3' } })
    expect([part.status, Buffer.from(await part.arrayBuffer()).toString()]).toEqual([206, 'PNG'])
    expect(part.headers.get('content-range')).toBe(`bytes 1-3/${bytes.length}`)
    expect((await view('seen.png', { headers: { Range: 'bytes=99999-' } })).status).toBe(416)
    const head = await view('seen.png', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(bytes.length), ''])
  })
})

test('/upload/image: the same bytes twice → the same name; others → a (1).png; overwrite; a subfolder that escapes → 400', async () => {
  const [one, two] = [await pngOf(3, 3), await pngOf(3, 3)]
  const send = async (bytes: Uint8Array, fields?: Record<string, string>) => {
    const response = await post('/upload/image', uploadForm(bytes, 'up.png', fields))
    return { status: response.status, ...((await response.json()) as object) }
  }
  expect(await send(one)).toEqual({ status: 200, name: 'up.png', subfolder: '', type: 'input' })
  expect(await send(one)).toMatchObject({ name: 'up.png' })
  expect(await send(two)).toMatchObject({ name: 'up (1).png' })
  expect(await send(two, { overwrite: '1' })).toMatchObject({ name: 'up.png' })
  expect((await readFile(path.join(server.data, 'input/up.png'))).equals(two)).toBe(true)
  expect(await send(one, { subfolder: 'a/b', type: 'temp' })).toMatchObject({ name: 'up.png', subfolder: 'a/b', type: 'temp' })
  for (const subfolder of ['..', '../x', '/tmp', 'a/../../x']) expect((await send(one, { subfolder })).status).toBe(400)
  expect((await send(one, { type: 'nowhere' })).status).toBe(400)
})
