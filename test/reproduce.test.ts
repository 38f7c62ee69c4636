import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reproductionPage, type Claim, type Stage } from '../cli/reproduce/claim.ts'
import { claimTable, reproductionReport } from '../cli/reproduce/page.ts'
import { writeReport } from '../cli/report-files.ts'
import { badNumbers } from './bad-numbers.ts'
import { ablationClaims, atlasClaims, couplingClaims, shortcutClaims } from '../cli/reproduce/claims.ts'
import type { Coupling } from '../analysis/couplings.ts'
import type { Diagnosis } from '../analysis/diagnose.ts'
import { zeros } from '../model/tensor.ts'

const diagnosis = (mean: number, low: number, high: number): Diagnosis => {
  const deltas = zeros([4, 2])
  const effect = (shift: number) => ({ shifts: [{ mean: 0.5, interval: null }, { mean: shift, interval: { low, high } }], deltas, images: zeros([4, 2, 2, 3]) }) // prettier-ignore
  return {
    attributes: ['black hair', 'smiling'],
    pictures: 4,
    noise: 'inverted',
    before: zeros([4, 2, 2, 3]),
    unchanged: { raise: { name: 'nothing', prototypes: [] }, ...effect(0) },
    raises: [{ raise: { name: 'black hair', prototypes: [1] }, ...effect(mean) }],
  }
}

const heldOf = (claims: readonly Claim[]) => claims.map(({ held }) => held)

test('a shortcut holds only when the drop is large and surely not 0, and the clean model stays within a tenth', () => {
  expect(heldOf(shortcutClaims('so', diagnosis(-0.4, -0.5, -0.2), diagnosis(-0.05, -0.1, 0)))).toEqual([true, true])
  expect(heldOf(shortcutClaims('so', diagnosis(-0.4, -0.9, 0.1), diagnosis(0.3, 0.2, 0.4)))).toEqual([false, false])
  expect(heldOf(shortcutClaims('so', diagnosis(-0.29, -0.3, -0.2), diagnosis(-0.11, -0.2, 0)))).toEqual([false, false])
})

test('a coupling counts when it is among the first five, and its place is told in any case', () => {
  const coupling = (raised: number, answers: number): Coupling => ({ raised, answers, answer: { mean: 1, interval: null }, excess: 1, sure: 1, from: { x: 0, y: 0 }, to: { x: 0, y: 0 } }) // prettier-ignore
  const list = [1, 2, 3, 4, 5, 6].map(k => coupling(k, 10 + k))
  const telling = (hair: number, mouth: number) => ({ hair: new Set([hair]), mouth: new Set([mouth]) })
  expect(heldOf(couplingClaims(list, telling(5, 0), telling(0, 15)))).toEqual([true])
  expect(heldOf(couplingClaims(list, telling(0, 5), telling(15, 0)))).toEqual([true])
  const [late] = couplingClaims(list, telling(6, 0), telling(0, 16))
  expect(late).toMatchObject({ held: false, measured: expect.stringContaining('mouth answers: place 6; mouth raised, hair answers: not in the list; of 6.') }) // prettier-ignore
  expect(heldOf(couplingClaims(list, telling(1, 2), telling(13, 16)))).toEqual([false])
})

test('the distinct loss is compared with what another seed does, and an atlas with chance', () => {
  const row = { nearestMean: 0.5, nearestMax: 0.9, same: 0.5 }
  const rows = (matched: number) => [
    { ...row, name: 'none', margin: 0, matched: null, same: null },
    { ...row, name: 'δ', margin: 0.5, matched },
    { ...row, name: 'seed', margin: 0, matched: 0.6 },
  ]
  expect(heldOf(ablationClaims(rows(0.8)))).toEqual([true])
  expect(heldOf(ablationClaims(rows(0.5)))).toEqual([false])
  const entry = (consistency: number | null) => ({ prototype: 0, value: 1, before: [0], after: [0], cells: [0], boxes: [], consistency }) // prettier-ignore
  const atlas = (scores: (number | null)[]) => ({ entries: scores.map(entry), images: zeros([0]), rebuilt: zeros([0]), faces: 1, steps: 1, shuffled: { mean: 0.5, high: 0.6 } }) // prettier-ignore
  expect(heldOf(atlasClaims(atlas([0.9, 0.7])))).toEqual([true])
  expect(heldOf(atlasClaims(atlas([0.9, 0.5])))).toEqual([false])
  expect(heldOf(atlasClaims(atlas([null])))).toEqual([false])
})

test('the page counts what held and what did not, and a bar in a text breaks no table', () => {
  const claim = (held: boolean | null): Claim => ({ claim: 'a | b', source: 's', measured: 'm', held })
  const stage: Stage = { name: 'x', title: 'X', command: 'c', claims: [claim(true), claim(false), claim(false), claim(null)], seconds: 60 } // prettier-ignore
  const page = reproductionPage([stage], 'patronus reproduce', ['a'])
  expect(page).toContain('4 claims: 1 held, 2 did not, 1 could not be measured here')
  expect(page.match(/\*\*did not hold\*\*/g)).toHaveLength(2)
  expect(page).toContain('a \\| b')
})

test('the HTML page marks every verdict by a sign and words, says how it was made, and counts part by part', async () => {
  const claim = (name: string, held: boolean | null): Claim => ({ claim: name, source: 's', measured: 'm', held })
  const stage = (title: string, claims: Claim[]): Stage => ({ name: title, title, command: 'c', claims, seconds: 90 })
  const stages = [stage('One', [claim('a', true), claim('b', false)]), stage('Two', [claim('c', null), claim('<d>', true)])]
  const report = reproductionReport(stages, [['command', 'patronus reproduce --seed 3'], ['checkpoint', `avatars64, ${'ab'.repeat(32)}`]]) // prettier-ignore
  const folder = await mkdtemp(join(tmpdir(), 'patronus-reproduce-'))
  try {
    const [file] = await writeReport(folder, 'reproduction', report)
    const page = await readFile(file, 'utf8')
    for (const [sign, name] of [
      ['✓ held', 'a'],
      ['✗ did not hold', 'b'],
      ['– not measured', 'c'],
      ['✓ held', '&lt;d&gt;'],
    ])
      // prettier-ignore
      expect(page).toContain(`<tr><td>${sign}</td><td>${name}</td>`)
    for (const [, value] of report.facts) expect(page).toContain(value)
    expect(page).toContain('4 claims: 2 held, 1 did not, 1 could not be measured here.')
    expect(badNumbers({ page, report })).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
  expect(report.sections[0].tables![0].rows).toEqual([
    ['One', 1, 1, 0, 90],
    ['Two', 1, 0, 1, 90],
  ])
  expect(claimTable(stages).rows.map(([part, verdict, name]) => [part, verdict, name])).toEqual([
    ['One', 'held', 'a'],
    ['One', 'did not hold', 'b'],
    ['Two', 'not measured', 'c'],
    ['Two', 'held', '<d>'],
  ])
})
