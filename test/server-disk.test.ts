import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStorage } from '../server/storage.ts'
import { connect, getJson, pngOf, submit, testServer, type TestServer } from './server-parts.ts'

/** What happens when the disk ends: on a small disk of memory, which only root may mount. */

let folder: string
let mounted = false
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder], { stdio: 'pipe' })
    mounted = true
  } catch {
    console.warn('test/server-disk.test.ts is skipped in part: a small disk can only be mounted by root on Linux')
  }
})
/** A server of one test that failed must not hold up the others, nor their disk. */
let servers: TestServer[] = []
afterEach(async () => {
  await freed()
  for (const server of servers) await server.clean()
  servers = []
})
afterAll(async () => {
  if (mounted) execFileSync('umount', ['-l', folder])
  await rm(folder, { recursive: true, force: true })
})
const onSmallDisk = (name: string, law: () => Promise<void>) => test(name, async () => (mounted ? law() : undefined))

const begin = async (options: Parameters<typeof testServer>[0]) => {
  const server = await testServer(options)
  servers.push(server)
  return server
}
const graph = (prefix: string, image = 'a.png') => ({
  1: { class_type: 'LoadImage', inputs: { image } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], prefix } },
})
const fill = async (leaving: number) => {
  const { bavail, bsize } = await statfs(folder)
  await writeFile(path.join(folder, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - leaving), 1)).catch(() => {})
}
const freed = () => rm(path.join(folder, 'filler'), { force: true })
const run = async (server: TestServer, prefix: string) => {
  const client = await connect(server)
  const { status, body } = await submit(server, graph(prefix), { client_id: client.id })
  if (status !== 200) return { status, error: body.error as unknown as { type: string; message: string } }
  await client.done(body.prompt_id)
  await client.close()
  const failed = client.heard.find(one => one.type === 'execution_error')
  return { status, message: failed?.type === 'execution_error' ? failed.data.exception_message : undefined, id: body.prompt_id }
}
const pictures = async (server: TestServer) => (await readdir(path.join(server.data, 'output'), { recursive: true })).sort()

test('below the reserve new graphs are refused with 507 and with how much must be free; everything else is answered', async () => {
  const server = await begin({ minimumFreeDisk: 2 ** 50 })
  await writeFile(path.join(server.data, 'input/a.png'), await pngOf(8, 8))
  const { status, error } = await run(server, 'x')
  expect([status, error]).toMatchObject([507, { type: 'disk_full', message: expect.stringMatching(/has \d+ MB free; .* 1073741824 MB/) }]) // prettier-ignore
  expect(await getJson(server, '/queue')).toEqual({ queue_running: [], queue_pending: [] })
})

onSmallDisk(
  'a picture that finds no space fails its job with that reason and leaves nothing half; with space the next one works',
  async () => {
    const server = await begin({ data: path.join(folder, 'pictures'), minimumFreeDisk: 0 })
    await writeFile(path.join(server.data, 'input/a.png'), await pngOf(400, 400))
    await fill(300_000)
    const { message, id } = await run(server, 'full')
    expect(message).toMatch(/"full_00001_\.png" could not be written: the disk is full; free some space and try again \(ENOSPC\)/)
    expect(await pictures(server)).toEqual([])
    expect(await getJson(server, `/history/${id}`)).toMatchObject({ [id!]: { status: { completed: false } } })
    await freed()
    expect((await run(server, 'free')).message).toBeUndefined()
    expect(await pictures(server)).toEqual(['free_00001_.png'])
  },
)

onSmallDisk(
  'with no space at all a graph, an upload and a setting are answered with 507, and none is half there afterwards',
  async () => {
    const server = await begin({ data: path.join(folder, 'all'), minimumFreeDisk: 0 })
    await writeFile(path.join(server.data, 'input/a.png'), await pngOf(8, 8))
    await run(server, 'before')
    await fill(0)
    const post = (route: string, body: FormData | string) => fetch(server.origin + route, { method: 'POST', body })
    const form = new FormData()
    form.set('image', new Blob([await pngOf(64, 64)]), 'up.png')
    const answers = [
      await post('/prompt', JSON.stringify({ prompt: graph('none') })),
      await post('/settings/large', JSON.stringify('x'.repeat(200_000))),
      await post('/userdata/workflows%2Fa.json', JSON.stringify('x'.repeat(200_000))),
      await post('/upload/image', form),
    ]
    expect(answers.map(({ status }) => status)).toEqual([507, 507, 507, 507])
    expect((await fetch(`${server.origin}/queue`)).status).toBe(200)
    await freed()
    expect((await run(server, 'after')).message).toBeUndefined()
    expect(await getJson(server, '/settings/large')).toBeNull()
    expect((await fetch(`${server.origin}/userdata/workflows%2Fa.json`)).status).toBe(404)
    expect(await getJson(server, '/patronus/saved')).toEqual({ workflows: [], deleted: [] })
    expect((await readdir(path.join(server.data, 'input'))).sort()).toEqual(['a.png'])
    expect(await pictures(server)).toEqual(['after_00001_.png', 'before_00001_.png'])
  },
)

onSmallDisk('a job whose end cannot be written down waits for space, is told then, and was run once', async () => {
  const server = await begin({ data: path.join(folder, 'ends'), minimumFreeDisk: 0 })
  const prompt = { 1: { class_type: 'Steps', inputs: { count: 20, wait: 20, size: 8 } }, 2: { class_type: 'Show', inputs: { value: ['1', 0] } } } // prettier-ignore
  const { body } = await submit(server, prompt)
  while (!server.counts.Steps) await sleep(5)
  await fill(0)
  while (!server.counts.Show) await sleep(5)
  await sleep(300)
  expect((await fetch(`${server.origin}/queue`)).status).toBe(200)
  expect(await getJson(server, `/history/${body.prompt_id}`)).toEqual({})
  await freed()
  for (
    let tries = 0;
    tries < 100 && !Object.keys((await getJson(server, `/history/${body.prompt_id}`)) as object).length;
    tries++
  )
    await sleep(50)
  expect(await getJson(server, `/history/${body.prompt_id}`)).toMatchObject({ [body.prompt_id]: { status: { completed: true } } })
  expect(server.counts).toEqual({ Steps: 1, Show: 1 })
})

onSmallDisk('a data folder that cannot be written is refused at the start, in words, and nothing is changed in it', async () => {
  const data = path.join(folder, 'readonly')
  await mkdir(data)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', data])
  try {
    await expect(testServer({ data })).rejects.toThrow(
      /^The data folder .*readonly cannot be written: no file can be made in it; choose another folder with --data$/,
    )
    await expect(testServer({ data: path.join(data, 'new') })).rejects.toThrow(/^The data folder .*new cannot be written: /)
    expect(await readdir(data)).toEqual([])
  } finally {
    execFileSync('umount', [data])
  }
})

onSmallDisk(
  'a disk that turns read-only under a running server: graphs are refused with 507, the process lives, and works again after',
  async () => {
    const data = path.join(folder, 'turns')
    await mkdir(data)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', data])
    const server = await begin({ data, minimumFreeDisk: 0 })
    try {
      await writeFile(path.join(data, 'input/a.png'), await pngOf(8, 8))
      await run(server, 'before')
      // A bind over it: a disk with open files does not turn read-only on demand.
      execFileSync('mount', ['--bind', path.join(data, 'output'), path.join(data, 'output')])
      execFileSync('mount', ['-o', 'remount,bind,ro', path.join(data, 'output')])
      expect((await run(server, 'during')).message).toMatch(
        /"during_00001_\.png" could not be written: the disk is read-only.*EROFS/,
      )
      execFileSync('umount', [path.join(data, 'output')])
      expect((await run(server, 'after')).message).toBeUndefined()
      expect(await pictures(server)).toEqual(['after_00001_.png', 'before_00001_.png'])
      expect((await stat(path.join(data, 'output/after_00001_.png'))).size).toBeGreaterThan(0)
    } finally {
      execFileSync('umount', ['-l', data])
    }
  },
)

// Last: a closed database gives its log's space back only when it is collected, and the disk of the others must stay full.
onSmallDisk(
  'workflows that find no space when they are to be taken over stay files, whole, until a start that has it',
  async () => {
    const data = path.join(folder, 'taken')
    const told: string[] = []
    const open = () => openStorage({ data, tell: problem => told.push(problem) })
    await (await open()).close()
    await mkdir(path.join(data, 'user/data/workflows'), { recursive: true })
    for (const name of ['a.json', 'b.json'])
      await writeFile(path.join(data, 'user/data/workflows', name), Buffer.alloc(600_000, name))
    await fill(800_000)
    const storage = await open()
    expect(await storage.store.workflows.list()).toEqual([])
    await storage.close()
    expect(told).toEqual([expect.stringMatching(/^Files in user\/data\/workflows were not all taken over .*start again$/)])
    expect((await readdir(path.join(data, 'user/data/workflows'))).sort()).toEqual(['a.json', 'b.json'])
    await freed()
    const again = await open()
    expect((await again.store.workflows.list()).map(({ path, size }) => [path, size])).toEqual([['a.json', 600_000], ['b.json', 600_000]]) // prettier-ignore
    await again.close()
  },
)
