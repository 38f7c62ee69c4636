import type { Report, Table } from '../../analysis/report.ts'
import type { Claim, Stage } from './claim.ts'
import { claimsSummary } from './claim.ts'

/** A sign and words, so that nothing depends on a colour. */
const verdict = ({ held }: Claim): string => (held === null ? '– not measured' : held ? '✓ held' : '✗ did not hold')

/** The claims as a page: how many held, part by part, and every one with what was measured. */
export const reproductionReport = (stages: readonly Stage[], facts: Report['facts']): Report => ({
  title: "The paper's claims, at our scale",
  summary: claimsSummary(stages),
  sections: [
    { heading: 'Part by part', tables: [partTable(stages)] },
    ...stages.map(({ title, command, claims, seconds }) => ({
      heading: title,
      text: [`${command}, ${Math.round(seconds)} s.`],
      tables: [
        {
          title: `Claims: ${title}`,
          columns: ['verdict', 'claim', 'measured', 'source'],
          rows: claims.map(claim => [verdict(claim), claim.claim, claim.measured, claim.source]),
        },
      ],
    })),
  ],
  facts,
})

function partTable(stages: readonly Stage[]): Table {
  const count = (claims: readonly Claim[], held: boolean | null) => claims.filter(claim => claim.held === held).length
  return {
    title: 'Verdicts',
    columns: ['part', '✓ held', '✗ did not hold', '– not measured', 'seconds'],
    rows: stages.map(({ title, claims, seconds }) => [
      title,
      count(claims, true),
      count(claims, false),
      count(claims, null),
      Math.round(seconds),
    ]),
  }
}

/** Every claim of every part in one table, for a file. */
export const claimTable = (stages: readonly Stage[]): Table => ({
  title: 'Claims',
  columns: ['part', 'verdict', 'claim', 'measured', 'source'],
  rows: stages.flatMap(({ title, claims }) =>
    claims.map(claim => [title, said(claim), claim.claim, claim.measured, claim.source]),
  ),
})

/** Bare words: a sign before them would be one more thing to take off. */
const said = (claim: Claim): string => verdict(claim).slice(2)
