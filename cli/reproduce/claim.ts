/** What the paper claims, what we measured, and whether it held. */
export type Claim = {
  readonly claim: string
  /** Where it stands: the paper, the authors' code, or this project's own issue. */
  readonly source: string
  /** The numbers with their uncertainty, in one sentence. */
  readonly measured: string
  /** null: could not be measured here; `measured` says why. */
  readonly held: boolean | null
}

export type Stage = {
  readonly name: string
  readonly title: string
  /** How a person makes this part alone. */
  readonly command: string
  readonly claims: readonly Claim[]
  readonly seconds: number
}

const verdict = ({ held }: Claim): string => (held === null ? 'not measured' : held ? 'held' : '**did not hold**')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** The answer, before the claims themselves. */
export function claimsSummary(stages: readonly Stage[]): string[] {
  const all = stages.flatMap(({ claims }) => claims)
  const count = (held: boolean | null) => all.filter(claim => claim.held === held).length
  return [
    `${all.length} claims: ${count(true)} held, ${count(false)} did not, ${count(null)} could not be measured here.`,
    "Synthetic faces and Fashion-MNIST stand in for the paper's data sets, our small models for its large ones: a claim that fails here may hold there, and the other way round.",
  ]
}

/** The page of docs/results/reproduction.md. A claim that did not hold stands there like any other. */
export function reproductionPage(stages: readonly Stage[], command: string, checkpoints: readonly string[]): string {
  const minutes = Math.round(stages.reduce((sum, { seconds }) => sum + seconds, 0) / 60)
  return `${[
    "# The paper's claims, at our scale",
    claimsSummary(stages).join(' '),
    `Made by \`${command}\` in ${minutes} minutes, on ${checkpoints.join(', ')}.`,
    ...stages.map(({ title, command, claims, seconds }) =>
      [
        `## ${title}`,
        `\`${command}\`, ${Math.round(seconds)} s.`,
        [
          '| claim | source | measured | |',
          '|---|---|---|---|',
          ...claims.map(claim => `| ${[claim.claim, claim.source, claim.measured].map(cell).join(' | ')} | ${verdict(claim)} |`),
        ].join('\n'),
      ].join('\n\n'),
    ),
  ].join('\n\n')}\n`
}
