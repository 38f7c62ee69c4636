import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { openStorage } from '../server/storage.ts'
import { isBuilt, patronus } from './cli-process.ts'
import { testServer, type TestServer } from './server-parts.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-workflows.test.ts is skipped: dist/ is missing; `npm test` builds it')

const shipped = path.join(__dirname, '../workflows')

whenBuilt('saved workflows on the command line', () => {
  let folder: string
  let small: string
  let large: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-saved-'))
    small = await readFile(path.join(shipped, 'prior-sample.json'), 'utf8')
    large = await readFile(path.join(shipped, 'edit-prototype.json'), 'utf8')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const workflows = (...args: string[]) => patronus(folder, 'workflows', ...args)
  const file = (name: string) => readFile(path.join(folder, name), 'utf8')
  const put = async (name: string, text: string) => {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text)
  }

  const keep = async (name: string, text: string) => {
    const storage = await openStorage({ data: path.join(folder, 'data'), tell: () => {} })
    await storage.store.workflows.save(name, Buffer.from(text))
    await storage.close()
  }

  /** The same, step by step, over a data folder and over a running server. */
  const round = async (...where: string[]) => {
    await put('mine/a.json', small)
    await put('mine/sub/b.json', large)
    expect(await workflows('import', 'mine', ...where)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/sub\/b\.json saved/),
    })
    await put('a.json', large)
    expect((await workflows('import', 'a.json', ...where)).out).toBe('a.json saved\n')
    const versions = async () => JSON.parse((await workflows('versions', 'a', '--json', ...where)).out) as { number: number; current: boolean }[] // prettier-ignore
    expect((await versions()).map(({ number, current }) => [number, current])).toEqual([[2, true], [1, false]]) // prettier-ignore
    expect((await workflows('export', 'a', '--number', '1', '--out', 'old', ...where)).code).toBe(0)
    expect(await file('old/a.json')).toBe(small)
    expect((await workflows('restore', 'a', '1', ...where)).out).toMatch(/^a\.json is version 1 again/)
    expect((await workflows('export', '--all', '--out', 'out', ...where)).out).toBe('2 workflows written to out\n')
    expect([await file('out/a.json'), await file('out/sub/b.json')]).toEqual([small, large])
    expect((await workflows('forget', 'sub/b', ...where)).code).toBe(0)
    expect((await workflows('list', ...where)).out).toMatch(/^a\.json +\d{4}-\d\d-\d\d .* bytes\n$/)
  }

  test('what is imported is exported byte by byte, versions come back, and no server is needed for it', async () => {
    await round()
  }, 120_000)

  test('and the same at a running server, which wants its token', async () => {
    const server = await testServer({ token: 'secret' })
    try {
      await round('--server', server.origin, '--token', 'secret')
      const { code, err } = await workflows('list', '--server', server.origin)
      expect([code, err]).toEqual([1, expect.stringMatching(/^error: --server http.*: This server wants its token/)])
    } finally {
      await server.clean()
    }
  }, 120_000)

  describe('beside a server that runs over the same folder', () => {
    let server: TestServer
    beforeEach(async () => {
      server = await testServer({ data: path.join(folder, 'data') })
    })
    afterEach(() => server.clean())

    test('both see what the other saved, and a deleted one comes back', async () => {
      await put('a.json', small)
      expect((await workflows('import', 'a.json')).code).toBe(0)
      const at = `${server.origin}/userdata/workflows%2Fa.json`
      expect(await (await fetch(at)).text()).toBe(small)
      await fetch(at, { method: 'DELETE' })
      expect((await workflows('list')).out).toMatch(/^a\.json {2}deleted .*restore brings it back\n$/)
      expect((await workflows('restore', 'a', '1')).code).toBe(0)
      expect(await (await fetch(at)).text()).toBe(small)
    })
  })

  test('files that still lie in the folder are taken over by the first command', async () => {
    await put('data/user/data/workflows/old.json', small)
    const { out, err } = await workflows('list')
    expect([out, err]).toEqual([expect.stringMatching(/^old\.json /), expect.stringMatching(/kept in user\/workflows-taken/)])
  })

  test('a file in the way is written over only by force, and then nothing else was written before', async () => {
    await put('mine/a.json', small)
    await put('mine/z.json', large)
    await workflows('import', 'mine')
    await put('out/z.json', 'mine!')
    const { code, err } = await workflows('export', '--all', '--out', 'out')
    expect([code, err]).toEqual([1, expect.stringMatching(/other files are there already: z\.json; --force/)])
    expect(await readdir(path.join(folder, 'out'))).toEqual(['z.json'])
    expect((await workflows('export', '--all', '--out', 'out', '--force')).code).toBe(0)
    expect([await file('out/z.json'), (await workflows('export', '--all', '--out', 'out')).code]).toEqual([large, 0])
  })

  test('run takes the name of a saved one', async () => {
    await keep('sub/broken.json', JSON.stringify({ 1: { class_type: 'NoSuchNode', inputs: {} } }))
    const { code, out, err } = await patronus(folder, 'run', 'sub/broken')
    expect([code, out + err]).toEqual([1, expect.stringMatching(/NoSuchNode/)])
  })

  test.each([
    ['a folder where no server ever was', ['list', '--data', 'typo'], /--data typo: no server has kept anything there/],
    ['nothing to export', ['export'], /give names of saved workflows, or --all/],
    ['a name that is nearly one', ['export', 'edti'], /no saved workflow "edti"; did you mean edit\?/],
    ['a version that is not there', ['restore', 'edit', '9'], /There is no version 9 of "workflows\/edit\.json"/],
    ['a file that is no graph', ['import', 'text.json'], /text\.json: it is neither JSON nor a PNG/],
    ['a file that is not there', ['import', 'none.json'], /none\.json: there is no such file/],
    ['a server that is not there', ['list', '--server', 'http://127.0.0.1:9'], /--server http:\/\/127\.0\.0\.1:9: no answer/],
    ['an address that is none', ['list', '--server', 'here'], /--server here: wanted the address of a server/],
  ])('%s ends in one line', async (_, args, message) => {
    await put('text.json', 'hello')
    await keep('edit.json', large)
    const { code, err } = await workflows(...args)
    expect([code, err.trim().split('\n').length]).toEqual([1, 1])
    expect(err).toMatch(message)
    expect(await readdir(folder)).not.toContain('typo')
  })

  test('a server that lies about names writes no file outside the folder', async () => {
    const { createServer } = await import('node:http')
    const liar = createServer(
      (request, response) =>
      response.end(request.url === '/patronus/saved' ? JSON.stringify({ workflows: ['../out.json', '/tmp/x', 'a/../../b'].map(path => ({ path, size: 1, modified: 1, created: 1 })), deleted: [] }) : 'x'), // prettier-ignore
    )
    await new Promise<void>(resolve => liar.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = liar.address() as { port: number }
      const { code, err } = await workflows('export', '--all', '--out', 'out/deep', '--server', `http://127.0.0.1:${port}`)
      expect([code, err]).toEqual([1, expect.stringMatching(/File name "\.\.\/out\.json" holds an empty part/)])
      expect(await readdir(folder)).toEqual([])
    } finally {
      liar.close()
    }
  })
})
