import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createFiles, nameProblem, type Files } from '../server/files.ts'
import { connect, submit, testServer, uploadForm, pngOf, type TestServer } from './server-parts.ts'

const canary = 'CANARY-7f3a'
const parts = JSON.parse(readFileSync(path.join(__dirname, 'reliability/names.json'), 'utf8')) as Record<string, string[]>

/** Ways out of a folder that servers have fallen for, in every spelling we know of; bar 6 tries them in every place. */
function hostileNames(): string[] {
  const { ups, bars, goals, absolute, odd } = parts
  const climbing = ups.flatMap(up =>
    bars.flatMap(bar => goals.flatMap(goal => [1, 2, 3, 8].map(depth => (up + bar).repeat(depth) + goal))),
  )
  return [...climbing, ...climbing.slice(0, 400).map(name => `sub/${name}`), ...absolute, ...odd, 'x'.repeat(5000)]
}

describe('the resolver', () => {
  let base: string
  let files: Files
  beforeAll(async () => {
    base = await mkdtemp(path.join(os.tmpdir(), 'patronus-files-'))
    for (const folder of ['output/sub', 'output-evil', 'shipped', 'input'])
      await mkdir(path.join(base, folder), { recursive: true })
    await writeFile(path.join(base, 'secret.txt'), canary)
    await writeFile(path.join(base, 'output-evil/secret.txt'), canary)
    await writeFile(path.join(base, 'output/sub/a (1).png'), 'fine')
    await writeFile(path.join(base, 'shipped/face.png'), 'shipped')
    await symlink(path.join(base, 'secret.txt'), path.join(base, 'output/link.txt'))
    await symlink(base, path.join(base, 'output/linked'))
    await symlink(path.join(base, 'nowhere'), path.join(base, 'output/dangling.txt'))
    const only = (name: string) => [path.join(base, name)]
    files = createFiles({
      input: [path.join(base, 'input'), path.join(base, 'shipped')],
      output: only('output'),
      temp: only('temp'),
      user: only('user'),
      checkpoints: [],
      workflows: [],
      datasets: only('datasets'),
      artefacts: only('artefacts'),
      inception: only('inception'),
    })
  })
  afterAll(() => rm(base, { recursive: true }))

  test('finds and places what lies inside', async () => {
    expect(await files.find('output', 'sub/a (1).png')).toBe(path.join(base, 'output/sub/a (1).png'))
    expect(await files.place('output', 'new/deep/b.png')).toBe(path.join(base, 'output/new/deep/b.png'))
    expect(await files.find('output', 'missing.png')).toBeUndefined()
  })

  test('shipped files show through, and one of the same name lies over them', async () => {
    expect(await files.find('input', 'face.png')).toBe(path.join(base, 'shipped/face.png'))
    await writeFile(await files.place('input', 'face.png'), 'own')
    expect(await files.find('input', 'face.png')).toBe(path.join(base, 'input/face.png'))
    expect(await files.list('input')).toEqual(['face.png'])
  })

  test('a file is listed before those that are called after it, and numbers count as numbers', async () => {
    const names = ['a.png', 'a-b.png', 'a2.png', 'a10.png'].map(name => `order/${name}`)
    for (const name of names) await writeFile(await files.place('output', name), '')
    expect(await files.list('output', name => name.startsWith('order/'))).toEqual(names)
  })

  test('no link leads out: not to read, not to write', async () => {
    for (const name of ['link.txt', 'linked/secret.txt', 'linked/output-evil/secret.txt'])
      await expect(files.find('output', name)).rejects.toThrow(/leads out/)
    for (const name of ['link.txt', 'linked/new.txt', 'linked/new/deeper.txt', 'dangling.txt'])
      await expect(files.place('output', name)).rejects.toThrow(/leads out/)
    expect(await readdir(base)).not.toContain('new')
  })

  test('over a thousand hostile names find nothing and place nothing outside', async () => {
    const names = hostileNames()
    expect(names.length).toBeGreaterThan(1000)
    for (const name of names)
      for (const spelling of new Set([name, safely(() => decodeURIComponent(name)) ?? name])) {
        if (nameProblem(spelling)) continue
        // What is left is an ordinary, if strange, name: it must stay below the root.
        expect(await files.find('output', spelling)).toBeUndefined()
        expect(path.join(base, 'output', spelling).startsWith(path.join(base, 'output') + path.sep)).toBe(true)
      }
    for (const name of ['../x', 'a/../../x', '/x', 'a\\x', 'C:x', 'a\u0000', '．．/x', '.hidden', 'a//b', '', 'a/.'])
      expect(nameProblem(name)).toBeDefined()
  })
})

describe('over HTTP', () => {
  let server: TestServer
  const outside: string[] = []
  beforeAll(async () => {
    server = await testServer()
    await writeFile(path.join(server.data, 'secret.txt'), canary)
    await mkdir(path.join(server.data, 'output-evil'), { recursive: true })
    await writeFile(path.join(server.data, 'output-evil/secret.txt'), canary)
    outside.push(...(await readdir(server.data)))
  })
  afterAll(() => server.clean())

  test('no parameter that takes a file name gives the canary away or writes beside its folder', async () => {
    const names = hostileNames().filter((_, i) => i % 12 === 0)
    const bytes = await pngOf(2, 2)
    for (const name of names) {
      const query = encodeURIComponent(name)
      const answers = [
        await fetch(`${server.origin}/view?filename=${query}`),
        await fetch(`${server.origin}/view?filename=secret.txt&subfolder=${query}`),
        await fetch(`${server.origin}/userdata/${query}`),
        await fetch(`${server.origin}/userdata?dir=${query}`),
        await fetch(`${server.origin}/patronus/workflows/${query}`),
        await fetch(`${server.origin}/patronus/checkpoints/${query}`),
        await fetch(`${server.origin}/upload/image`, { method: 'POST', body: uploadForm(bytes, 'x.png', { subfolder: name }) }),
      ]
      for (const answer of answers) {
        expect(answer.status).toBeLessThan(500)
        expect(await answer.text()).not.toContain(canary)
      }
    }
    expect((await readdir(server.data)).sort()).toEqual(outside.sort())
  }, 120_000)

  test('a graph cannot read or write outside either', async () => {
    const client = await connect(server)
    for (const prefix of ['../evil', '/tmp/evil', 'a/../../evil', 'a\\..\\evil']) {
      const upload = await fetch(`${server.origin}/upload/image`, {
        method: 'POST',
        body: uploadForm(await pngOf(2, 2), 'ok.png'),
      })
      expect(upload.status).toBe(200)
      const { body } = await submit(
        server,
        {
          '1': { class_type: 'LoadImage', inputs: { image: 'ok.png' } },
          '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix } },
        },
        { client_id: client.id },
      )
      await client.done(body.prompt_id)
      expect(client.heard.findLast(one => one.type === 'execution_error')).toMatchObject({
        data: { node_id: '2', exception_message: expect.stringMatching(/File name/) },
      })
    }
    const { status, body } = await submit(server, {
      '1': { class_type: 'LoadImage', inputs: { image: '../secret.txt' } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix: 'x' } },
    })
    expect([status, body.node_errors['1'].errors[0].type]).toEqual([400, 'custom_validation_failed'])
    expect((await readdir(server.data)).sort()).toEqual(outside.sort())
    await client.close()
  })
})

function safely<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch {
    return undefined
  }
}
