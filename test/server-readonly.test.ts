import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getJson, submit, testServer, type TestServer } from './server-parts.ts'

/**
 * What happens when a disk turns read-only under files that are open, as ext4 does after an error of the device. tmpfs refuses to be
 * mounted anew while the server has its database open, so a real ext4 in a file is used: files of it can be made immutable, even
 * for those who have them open, and mutable again; and it can be told that it had an error.
 */

let folder: string
let mounted = false
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-readonly-'))
  const image = path.join(folder, 'disk.img')
  const mount = path.join(folder, 'disk')
  try {
    await writeFile(image, '')
    await truncate(image, 64 << 20)
    execFileSync('mkfs.ext4', ['-q', image], { stdio: 'pipe' })
    execFileSync('mkdir', [mount])
    execFileSync('mount', ['-o', 'loop', image, mount], { stdio: 'pipe' })
    mounted = true
  } catch (error) {
    console.warn(`test/server-readonly.test.ts is skipped: only root on Linux with loop devices can mount an ext4 (${String(error).split('\n')[0]})`) // prettier-ignore
  }
})
afterAll(async () => {
  if (mounted) execFileSync('umount', ['-l', path.join(folder, 'disk')])
  await rm(folder, { recursive: true, force: true })
})
const onOwnDisk = (name: string, law: (data: string) => Promise<void>) =>
  test(name, async () => (mounted ? law(path.join(folder, 'disk', 'data')) : undefined), 30_000)

let server: TestServer
/** A server of a test that failed must not hold the disk. */
afterEach(async () => mounted && server.close())
const begin = async (data: string) => (server = await testServer({ data, minimumFreeDisk: 0 }))

const sum = (a: number) => ({
  a: { class_type: 'Add', inputs: { a, b: 1 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
})
const long = {
  a: { class_type: 'Steps', inputs: { count: 30, wait: 20, size: 8 } },
  b: { class_type: 'Show', inputs: { value: ['a', 0] } },
}
const database = ['state.db', 'state.db-wal']
const immutable = (data: string, sign: '+i' | '-i') =>
  execFileSync('chattr', [sign, ...database.map(name => path.join(data, name))])
const readiness = async (server: TestServer) => {
  const response = await fetch(`${server.origin}/readyz`)
  return { status: response.status, ...((await response.json()) as { reasons: string[] }) }
}
const until = async (holds: () => Promise<boolean>) => {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 200) throw new Error('it never came about')
    await sleep(50)
  }
}
const statusOf = async (server: TestServer, id: string) =>
  ((await getJson(server, `/history/${id}`)) as Record<string, { status: { status_str: string } }>)[id]?.status.status_str

onOwnDisk(
  'while the database cannot be written: graphs get 507, /readyz says why, a running graph waits with its end; afterwards all goes on',
  async data => {
    const server = await begin(data)
    const { body } = await submit(server, long)
    while (!server.counts.Steps) await sleep(5)
    immutable(data, '+i')
    try {
      const refused = await submit(server, sum(1))
      expect([refused.status, refused.body.error]).toMatchObject([
        507,
        { type: 'disk_error', message: expect.stringMatching(/cannot be written \(SQLITE_\w+\); mend that and try again/) },
      ])
      expect(await readiness(server)).toMatchObject({
        status: 503,
        reasons: [expect.stringContaining('the database cannot be written')],
      })
      const settings = await fetch(`${server.origin}/settings/a`, { method: 'POST', body: '1' })
      expect(settings.status).toBe(507)
      while (!server.counts.Show) await sleep(5)
      await sleep(300)
      expect(await statusOf(server, body.prompt_id)).toBeUndefined()
      expect((await fetch(`${server.origin}/healthz`)).status).toBe(200)
    } finally {
      immutable(data, '-i')
    }
    await until(async () => (await statusOf(server, body.prompt_id)) === 'success')
    await until(async () => (await readiness(server)).status === 200)
    const after = await submit(server, sum(2))
    expect(after.status).toBe(200)
    await until(async () => (await statusOf(server, after.body.prompt_id)) === 'success')
    expect([server.counts.Steps, server.counts.Add]).toEqual([1, 1])
  },
)

onOwnDisk(
  'a file system that turned read-only after an error of its device: the same, and what was kept before is told',
  async data => {
    const server = await begin(data)
    const { body } = await submit(server, sum(3))
    await until(async () => (await statusOf(server, body.prompt_id)) === 'success')
    // Clean pages of the mapped state.db-shm would have to be made writable anew, which this disk can no longer do.
    execFileSync('sync', ['-f', data])
    execFileSync('mount', ['-o', 'remount,abort', path.dirname(data)])
    const refused = await submit(server, sum(4))
    expect([refused.status, refused.body.error.type]).toEqual([507, 'disk_error'])
    expect(await readiness(server)).toMatchObject({
      status: 503,
      reasons: [expect.stringContaining('the database cannot be written')],
    })
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200)
    expect(await statusOf(server, body.prompt_id)).toBe('success')
    expect(await getJson(server, '/queue')).toEqual({ queue_running: [], queue_pending: [] })
  },
)
