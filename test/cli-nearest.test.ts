import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { isBuilt, patronus } from './cli-process.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-nearest.test.ts is skipped: dist/ is missing; `npm test` builds it')

whenBuilt('patronus nearest', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-nearest-'))
    await writeCheckpoint(path.join(folder, 'tiny.safetensors'), tinyCheckpoint())
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const nearest = (...args: string[]) =>
    patronus(folder, 'nearest', 'tiny.safetensors', '--data', 'tiny', '--device', 'cpu', ...args)

  test('writes a page with pictures, and a table with as many patches as were asked for', async () => {
    const { code, out } = await nearest('--prototypes', '3, 1', '-k', '2', '--box', '95th percentile', '--out', 'made')
    expect(code).toBe(0)
    const files = out.split('\n').filter(line => line.startsWith('made'))
    const page = await readFile(path.join(folder, files[0]), 'utf8')
    expect(page).toContain('data:image/png;base64,')
    expect(page).toContain('above them what the model draws')
    const bare = await nearest('--prototypes', '3', '-k', '2', '--split', 'test', '--no-generated', '--out', 'bare')
    const [file] = bare.out.split('\n').filter(line => line.startsWith('bare'))
    expect(await readFile(path.join(folder, file), 'utf8')).toContain('nothing was generated')
    const [, ...rows] = (await readFile(path.join(folder, 'made/tiny-nearest-nearest-patches.csv'), 'utf8')).trim().split('\n')
    expect(rows.map(row => row.split(',').slice(0, 2).join())).toEqual(['3,1', '3,2', '1 corner,1', '1 corner,2'])
  })

  test('says which prototypes there are when one is named that is not', async () => {
    const { code, err } = await nearest('--prototypes', '4')
    expect(code).not.toBe(0)
    expect(err).toContain('prototype 4 does not exist: "tiny" has 4; choose 0 … 3')
  })
})
