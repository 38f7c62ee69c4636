import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Suggestion } from '../analysis/name-suggestions.ts'
import { parseNames, serialise } from '../analysis/naming.ts'
import { writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import { createSqlStore } from '../server/database/store.ts'
import { openDatabase } from '../server/database/open.ts'
import { isBuilt, lines, patronus } from './cli-process.ts'
import { pngOf } from './server-parts.ts'
import { tinyCheckpoint } from './tiny-model.ts'

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/cli-names.test.ts is skipped: dist/ is missing; `npm test` builds it')

whenBuilt('names on the command line', () => {
  let folder: string
  let id: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-cli-names-'))
    await mkdir(path.join(folder, 'models'))
    const { info, weights } = tinyCheckpoint()
    const ranges = info.ranges!.map((range, j) => ({ ...range, max: 9 + j }))
    id = await writeCheckpoint(path.join(folder, 'models/tiny.safetensors'), { info: { ...info, ranges }, weights })
    await writeCheckpoint(path.join(folder, 'models/other.safetensors'), tinyCheckpoint({ seed: 2 }))
    await writeFile(path.join(folder, 'face.png'), await pngOf(16, 16))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const names = (...args: string[]) => patronus(folder, 'names', 'models/tiny.safetensors', ...args)

  test("where nothing is named, the checkpoint's own names are listed as its own", async () => {
    const { code, out } = await names()
    expect([code, out]).toEqual([0, "   1  corner  (the checkpoint's own name)\n"])
    expect(await readdir(folder)).not.toContain('data')
  })

  test('names, notes and confidence are kept where the server keeps them, one change leaving the rest', async () => {
    await names('--set', '0=hat', '--set', '2=glasses', '--note', '2=round ones, too', '--confidence', '2=0.8')
    const { out } = await names('--confidence', '0=1', '--set', '1=edge')
    expect(out).toBe('   0  hat (100 %)\n   1  edge\n   2  glasses (80 %)  round ones, too\n')
    const kept = await createSqlStore(openDatabase(path.join(folder, 'data/state.db')), 1).names.get(id)
    expect(parseNames(kept!)).toMatchObject({ checkpoint: id, checkpointName: 'tiny', names: { 2: { note: 'round ones, too' } } })
  })

  test('names of a file from before there was a database are read, and go into it with the next change', async () => {
    const file = path.join(folder, `before/user/names/${id}.json`)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, serialise({ checkpoint: id, checkpointName: 'tiny', names: { 0: { name: 'hat' } } }))
    expect((await names('--data', 'before')).out).toContain('0  hat')
    expect((await names('--data', 'before', '--set', '2=glasses')).out).toMatch(/0 {2}hat\n.*\n? *2 {2}glasses/)
    await rm(file)
    expect((await names('--data', 'before')).out).toMatch(/0 {2}hat\n.*\n? *2 {2}glasses/)
  })

  test('an entry that says nothing any more is forgotten', async () => {
    const { out } = await names('--set', '0=', '--set', '1=')
    expect(out).toBe("   1  corner   (the checkpoint's own name)\n   2  glasses (80 %)  round ones, too\n".replace('corner  ', 'corner         ')) // prettier-ignore
  })

  test('a graph that is run shows them, and info lists them', async () => {
    const settings = ['1.checkpoint=tiny.safetensors', '2.image=face.png', '*.steps=2', '5.prototype=2', '5.mode=set'] // prettier-ignore
    const ran = await patronus(folder, 'run', 'edit-prototype', ...settings.flatMap(text => ['--set', text]), '--checkpoints', 'models', '--device', 'cpu', '--json') // prettier-ignore
    expect(ran.code).toBe(0)
    expect(JSON.stringify(lines(ran).map(({ data }) => data))).toContain('prototype 2 glasses: ')
    expect((await patronus(folder, 'info', 'models/tiny.safetensors')).out).toMatch(/names +1 corner, 2 glasses\n/)
  })

  test('an export is a names file; another machine imports it, what it does not mention stays', async () => {
    expect((await names('--export', 'mine.json')).code).toBe(0)
    expect(parseNames(await readFile(path.join(folder, 'mine.json'), 'utf8')).names).toMatchObject({ 2: { name: 'glasses' } })
    await names('--set', '3=beard', '--data', 'elsewhere')
    const { out } = await names('--import', 'mine.json', '--data', 'elsewhere', '--json')
    expect(Object.keys((JSON.parse(out) as { names: object }).names)).toEqual(['2', '3'])
  })

  test('names of another checkpoint are imported only by force', async () => {
    const into = (...more: string[]) => patronus(folder, 'names', 'models/other.safetensors', '--import', 'mine.json', ...more)
    const { code, err } = await into()
    expect([code, err]).toEqual([1, expect.stringMatching(/another checkpoint, "tiny".*--force imports them all the same\n$/)])
    expect((await into('--force')).out).toContain('glasses')
  })

  test.each([
    ['a prototype that does not exist', ['--set', '9=hat'], /prototype 9 does not exist: there are 4 \(0 … 3\)/],
    ['a setting without a number', ['--set', 'hat'], /--set hat: wanted <prototype>=<name>/],
    ['confidence in per cent', ['--confidence', '2=80'], /confidence should be a number 0 … 1, is 80/],
    ['a file that is not there', ['--import', 'nowhere.json'], /--import nowhere.json: there is no such file/],
    ['a file that is none', ['--import', 'face.png'], /--import face.png: .*not JSON/],
    ['suggestions that would write', ['--suggest', '--set', '1=hat'], /--suggest only looks/],
  ])('%s ends in one line and changes nothing', async (_, args, message) => {
    const kept = async () => (await names('--json')).out
    const before = await kept()
    const { code, err } = await names(...args)
    expect([code, err.trim().split('\n').length]).toEqual([1, 1])
    expect(err).toMatch(message)
    expect(await kept()).toBe(before)
  })

  test('suggestions carry their evidence, beside what an untrained encoder tells, and write nothing', async () => {
    const config = {
      extends: 'tiny',
      name: 'few',
      data: { kind: 'avatars', size: 16, train: 64, test: 200, seed: 3, bias: 0 },
    }
    await writeFile(path.join(folder, 'few.json'), JSON.stringify(config))
    const before = (await names('--json')).out
    const asked = ['--suggest', '--data-set', 'few.json', '--device', 'cpu', '--threshold', '0.55']
    const told = await names(...asked)
    expect([told.code, told.err.split('\n').filter(line => /error/.test(line))]).toEqual([0, []])
    expect(told.out).toMatch(
      /over 200 test pictures, at least 0\.55\nprototype +is called +suggestion +AUROC +pictures with it +next best/,
    )
    expect(told.out).toMatch(/Nothing was written/)
    const { suggestions } = JSON.parse((await names(...asked, '--json')).out) as { suggestions: Suggestion[] }
    expect(suggestions.length).toBeGreaterThan(0)
    for (const { auroc, control, pictures, evidence } of suggestions) {
      expect(auroc).toBeGreaterThanOrEqual(0.55)
      expect([typeof control, pictures]).toEqual(['number', 200])
      expect(evidence).toMatch(/^s is (higher|lower) in pictures with .+: AUROC 0\.\d{3}/)
    }
    expect((await names('--json')).out).toBe(before)
  })
})
