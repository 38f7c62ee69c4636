import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPace } from '../server/figures.ts'
import { amd, readNvidia } from '../server/gpu-memory.ts'
import { openStorage } from '../server/storage.ts'
import { submit, testServer } from './server-parts.ts'
import { jobOf } from './state-parts.ts'

test('the pace is of the whole seconds behind, of ten at most, and sinks to nothing when nobody steps', () => {
  let now = 100.2
  const pace = createPace(10, () => now)
  expect(pace.perSecond()).toBe(0)
  pace.add(30)
  expect(pace.perSecond()).toBe(0)
  now = 101.1
  expect(pace.perSecond()).toBe(30)
  pace.add(10)
  now = 102
  expect(pace.perSecond()).toBe(20)
  now = 110.5
  expect(pace.perSecond()).toBe(4)
  now = 111.5
  expect(pace.perSecond()).toBe(1)
  now = 112
  expect(pace.perSecond()).toBe(0)
})

test('the steps of a running node are counted, whatever its bar stands at', async () => {
  const server = await testServer()
  const graph = (count: number) => ({
    a: { class_type: 'Steps', inputs: { count, wait: 5, size: 8 } },
    b: { class_type: 'Show', inputs: { value: ['a', 0] } },
  })
  for (const count of [100, 101]) await submit(server, graph(count))
  while (!server.counts.Show || server.counts.Show < 2) await sleep(20)
  // The second in which the last step fell has to be over.
  await sleep(1100)
  const text = await (await fetch(`${server.origin}/metrics`)).text()
  const pace = Number(/^steps_per_second (.*)$/m.exec(text)![1])
  // 201 steps, by the whole seconds since the server was there: as many as it took, and the one that was waited for.
  const seconds = 201 / pace
  expect(Math.abs(seconds - Math.round(seconds))).toBeLessThan(1e-9)
  expect(seconds).toBeGreaterThanOrEqual(2)
  expect(seconds).toBeLessThan(10)
  await server.clean()
})

test('a graph that ran when its server died counts as stalled for the next one; one that was put off does not', async () => {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-stalled-'))
  const stalled = async () => {
    const server = await testServer({ data })
    const text = await (await fetch(`${server.origin}/metrics`)).text()
    await server.close()
    return Number(/^stalled_jobs_total (.*)$/m.exec(text)![1])
  }
  const storage = await openStorage({ data, tell: () => {} })
  await storage.queue.add(jobOf('put off'))
  await storage.queue.take()
  await storage.queue.release('put off')
  await storage.close()
  expect(await stalled()).toBe(0)
  const later = await openStorage({ data, tell: () => {} })
  await later.queue.add(jobOf('killed'))
  await later.queue.take()
  await later.close()
  expect([await stalled(), await stalled()]).toEqual([1, 0])
  await rm(data, { recursive: true })
})

test('the memory of graphics cards is read where the system tells it, and of no other card', async () => {
  expect(readNvidia('0, 1024, 143771\n1, [N/A], [N/A]\n2, 0, 24564\n')).toEqual([
    { device: 'nvidia0', used: 1024 * 2 ** 20, total: 143771 * 2 ** 20 },
    { device: 'nvidia2', used: 0, total: 24564 * 2 ** 20 },
  ])
  const root = await mkdtemp(path.join(os.tmpdir(), 'patronus-drm-'))
  for (const name of ['card0', 'card1', 'card1-DP-1', 'renderD128'])
    await mkdir(path.join(root, name, 'device'), { recursive: true })
  await writeFile(path.join(root, 'card1/device/mem_info_vram_used'), '123456\n')
  await writeFile(path.join(root, 'card1/device/mem_info_vram_total'), '8573157376\n')
  expect(await amd(root)).toEqual([{ device: 'card1', used: 123456, total: 8573157376 }])
  expect(await amd(path.join(root, 'none'))).toEqual([])
  await rm(root, { recursive: true })
})
