import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { checkpointFindings } from '../cli/doctor/checkpoints.ts'
import type { Finding } from '../cli/doctor/finding.ts'
import { limitFindings, nodeFinding } from '../cli/doctor/machine.ts'
import { portFinding } from '../cli/doctor/place.ts'
import { defaultSettings } from '../cli/configuration-list.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { isBuilt, start } from './cli-process.ts'
import { testServer } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/doctor.test.ts is skipped in part: dist/ is missing; `npm test` builds it')

let folder: string
beforeAll(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-doctor-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))

const aboutOf = (findings: readonly Finding[], about: string) => findings.filter(finding => finding.about === about)

describe('what it finds', () => {
  test.each([
    ['18.20.0', '2026-11-28', 'problem'],
    ['20.18.9', '2026-01-01', 'problem'],
    ['20.19.0', '2026-01-01', 'ok'],
    ['20.20.2', '2026-11-28', 'note'],
    ['22.23.3', '2026-11-28', 'ok'],
    ['22.23.3', '2027-05-01', 'note'],
    ['23.1.0', '2026-11-28', 'note'],
    ['24.1.0', '2026-11-28', 'ok'],
    ['26.0.0', '2026-11-28', 'ok'],
  ])('Node %s on %s is %s', (version, today, state) => expect(nodeFinding('>=20.19', version, new Date(today)).state).toBe(state))

  test('too few files that may be open are a problem; where nothing is known, nothing is said', async () => {
    const file = path.join(folder, 'limits')
    const stateWith = async (soft: string) => {
      await writeFile(file, `Limit   Soft Limit  Hard Limit  Units\nMax open files            ${soft}   4096   files\n`)
      return (await limitFindings(file)).map(({ state }) => state)
    }
    expect([await stateWith('256'), await stateWith('1024'), await stateWith('unlimited')]).toEqual([['problem'], ['ok'], ['ok']])
    expect(await limitFindings(path.join(folder, 'nothing'))).toEqual([])
  })

  test('a port: free, ours, somebody else’s, or none of this machine', async () => {
    const on = (port: number, host = '127.0.0.1') => portFinding({ ...defaultSettings(), host, port })
    const server = await testServer({ token: 'sesame' })
    expect(await on(server.port)).toMatchObject({ state: 'note', says: expect.stringContaining('a Patronus server runs there') })
    await server.clean()
    expect(await on(server.port)).toMatchObject({ state: 'ok', says: expect.stringContaining('is free') })
    const other = createServer(socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    expect(await on((other.address() as AddressInfo).port)).toMatchObject({
      state: 'problem',
      says: expect.stringMatching(/another/),
    })
    other.close()
    expect(await on(8188, '203.0.113.7')).toMatchObject({ state: 'problem', says: expect.stringContaining('EADDRNOTAVAIL') })
    expect((await on(0)).state).toBe('ok')
  })

  test('checkpoints: what they hold, whether their atlas is theirs, what cannot be read; the first folder wins a name', async () => {
    const [own, shipped] = [path.join(folder, 'own'), path.join(__dirname, '../checkpoints')]
    await mkdir(own)
    await writeCheckpoint(path.join(own, 'a-tiny.safetensors'), tinyCheckpoint())
    await writeFile(path.join(own, 'avatars64.safetensors'), 'not weights')
    await copyFile(path.join(shipped, 'fmnist32.safetensors'), path.join(own, 'other.safetensors'))
    await copyFile(path.join(shipped, 'avatars64.atlas.json'), path.join(own, 'other.atlas.json'))
    const findings = await checkpointFindings([own], shipped)
    const states = Object.fromEntries(findings.map(({ about, state }) => [about, state]))
    expect(states).toMatchObject({
      'checkpoint a-tiny.safetensors': 'note',
      'checkpoint avatars64.safetensors': 'problem',
      'checkpoint avatars64-biased.safetensors': 'ok',
      'checkpoint other.safetensors': 'problem',
    })
    expect(aboutOf(findings, 'checkpoint avatars64-biased.safetensors')[0].says).toMatch(/128 prototypes.*atlas of 128/)
    expect(aboutOf(findings, 'checkpoint other.safetensors')[0].says).toMatch(/its atlas cannot be used/)
    expect(await checkpointFindings([path.join(folder, 'nothing')], path.join(folder, 'nothing'))).toMatchObject([
      { state: 'problem', says: expect.stringMatching(/^none in/) },
    ])
  })
})

whenBuilt('patronus doctor', () => {
  const doctor = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const began = performance.now()
    const { code, out, err } = await start(folder, ['doctor', '--json', ...args], env).ended
    return { code, err, ms: performance.now() - began, ...(JSON.parse(out) as { ok: boolean; findings: Finding[] }) }
  }

  test('on a machine where all is well: status 0, in a few seconds, and it leaves nothing behind', async () => {
    const { code, err, ok, findings, ms } = await doctor(['--port', '0', '--device', 'cpu', '--data', 'nowhere/data'])
    expect([code, err, ok, findings.filter(({ state }) => state === 'problem')]).toEqual([0, '', true, []])
    for (const about of [
      'Patronus Nodes',
      'Node',
      'memory',
      'onnxruntime-node',
      'sharp',
      'libsql',
      'device cuda',
      'device',
      'disk',
    ])
      expect(aboutOf(findings, about)).toHaveLength(1)
    // 1.7 s where this was written; thrice that for a busy machine.
    expect(ms).toBeLessThan(6000)
    await expect(rm(path.join(folder, 'nowhere'))).rejects.toThrow(/ENOENT/)
  })

  test('what is wrong is told with what to do, and the status is 1; a token is not shown', async () => {
    const config = path.join(folder, 'open.json')
    await writeFile(config, JSON.stringify({ token: 'sesame', 'minimum-free-disk': 1 << 30, port: 0 }))
    await chmod(config, 0o644)
    await writeFile(path.join(folder, 'a-file'), '')
    const { code, ok, findings } = await doctor(['--config', config, '--device', 'tfjs-node-gpu', '--data', 'a-file'], {
      PATRONUS_PROT: '1',
    })
    expect([code, ok]).toEqual([1, false])
    const problems = findings.filter(({ state }) => state === 'problem')
    expect(problems.map(({ about }) => about).sort()).toEqual(['data folder', 'device', 'disk', 'environment', 'token'])
    for (const { todo } of problems) expect(todo).toMatch(/\w{3}/)
    expect(aboutOf(problems, 'environment')[0].todo).toBe('did you mean PATRONUS_PORT?')
    expect(JSON.stringify(findings)).not.toContain('sesame')
  })

  test('options that cannot be understood are findings like others, in text, too', async () => {
    await writeFile(path.join(folder, 'patronus.config.json'), '{"prot": 1, "grace": "long"}')
    const { code, out } = await start(folder, ['doctor']).ended
    await rm(path.join(folder, 'patronus.config.json'))
    expect(code).toBe(1)
    expect(out).toMatch(/✗ configuration .*there is no option "prot"; did you mean "port"\?\n +→ /)
    expect(out).toMatch(/✗ configuration .*grace: wanted a whole number 0 … 86400, got "long"\n +→ /)
    expect(out).toMatch(/things are wrong \(✗\)\.\n$/)
  })
})
