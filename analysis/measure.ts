import { dims, type Tensor } from '../model/tensor.ts'
import { latentQuality, type LatentQuality } from './quality.ts'
import type { Table } from './report.ts'

/** Yes/no facts about N pictures: `values` is [N, names.length] of 0 and 1. */
export type Attributes = { readonly names: readonly string[]; readonly values: ArrayLike<number> }

/** What s says about attributes, ready for a report. */
export type Measured = {
  readonly trained: LatentQuality
  readonly control?: LatentQuality
  /** The answer in a few sentences, what limits it included. */
  readonly summary: readonly string[]
  /** All scores, then one row an attribute. */
  readonly tables: readonly [scores: Table, attributes: Table]
}

/** Five folds with two pictures each: with fewer no fold could hold a picture with and one without. */
const fewest = 10

/**
 * How well s [N,m] tells attributes, together and one entry at a time (spec section 7): latent AUROC, TAD, captured, DCI.
 * `control` is s [N,m'] of the same pictures without training (spec section 11); without it the numbers prove little, and
 * the summary says so.
 */
export function measureLatents(s: Tensor, attributes: Attributes, control?: Tensor): Measured {
  const labels = checked(s, attributes, control)
  const trained = latentQuality(s, labels)
  const untrained = control && latentQuality(control, labels)
  return {
    trained,
    ...(untrained && { control: untrained }),
    summary: summaryOf(s.shape[1], attributes.names, trained, untrained),
    tables: [scoresTable(attributes.names.length, trained, untrained), attributesTable(attributes.names, trained, untrained)],
  }
}

/** One list of labels an attribute; throws, saying what is wanted, when there is nothing to measure. */
function checked(s: Tensor, { names, values }: Attributes, control?: Tensor): Uint8Array[] {
  const { N, m } = dims(s, 'N m')
  if (N < fewest)
    throw new Error(
      `measure: wants at least ${fewest} pictures (better 200), got ${N}; probes are fitted and judged in five folds`,
    )
  if (m < 1) throw new Error('measure: s has no prototypes; wanted [N,m] with m of at least 1')
  if (!names.length) throw new Error('measure: these pictures have no attributes; give a data set with an attribute table')
  if (values.length !== N * names.length)
    throw new Error(`measure: ${N} pictures and ${names.length} attributes want ${N * names.length} values, got ${values.length}`)
  for (let i = 0; i < values.length; i++)
    if (values[i] !== 0 && values[i] !== 1)
      throw new Error(
        `measure: attribute "${names[i % names.length]}" of picture ${Math.floor(i / names.length)} should be 0 or 1, got ${values[i]}`,
      )
  if (control && (control.shape.length !== 2 || control.shape[0] !== N))
    throw new Error(`measure: the control should hold s of the same ${N} pictures, got [${control.shape}]`)
  return names.map((_, a) => Uint8Array.from({ length: N }, (_, i) => values[i * names.length + a]))
}

const short = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value.toFixed(3))
const said = (value: number | null | undefined): string => short(value)?.toFixed(3) ?? 'not measurable'

type Score = readonly [
  name: string,
  of: (measured: LatentQuality) => number | null,
  deviation?: (measured: LatentQuality) => number | null,
]

const scores = (attributes: number): Score[] => [
  ['latent AUROC', ({ auroc }) => auroc.mean, ({ auroc }) => auroc.std],
  ['TAD', ({ tad }) => tad.tad, ({ tad }) => tad.tadStd],
  [`attributes captured, of ${attributes}`, ({ tad }) => tad.captured, ({ tad }) => tad.capturedStd],
  ['DCI disentanglement', ({ dci }) => dci.disentanglement],
  ['DCI completeness', ({ dci }) => dci.completeness],
  ['DCI informativeness, test', ({ dci }) => dci.test],
  ['DCI informativeness, train', ({ dci }) => dci.train],
  ['always the more frequent answer', ({ dci }) => dci.majority],
]

const scoresTable = (attributes: number, trained: LatentQuality, control?: LatentQuality): Table => ({
  title: `What s says about attributes, ${trained.images} pictures`,
  columns: ['measure', 'trained', 'deviation over folds', ...(control ? ['untrained control', 'deviation'] : [])],
  rows: scores(attributes).map(([name, of, deviation]) => [
    name,
    ...[trained, control].flatMap(measured => (measured ? [short(of(measured)), short(deviation?.(measured))] : [])),
  ]),
})

const attributesTable = (names: readonly string[], trained: LatentQuality, control?: LatentQuality): Table => ({
  title: 'Attribute by attribute',
  columns: [
    'attribute',
    'latent AUROC',
    ...(control ? ['control'] : []),
    'best prototype',
    'its AUROC',
    ...(control ? ['control'] : []),
  ],
  rows: names.map((name, a) => [
    name,
    short(trained.auroc.attributes[a]),
    ...(control ? [short(control.auroc.attributes[a])] : []),
    trained.best[a]?.prototype ?? null,
    short(trained.best[a]?.auroc),
    ...(control ? [short(control.best[a]?.auroc)] : []),
  ]),
})

function summaryOf(m: number, names: readonly string[], trained: LatentQuality, control?: LatentQuality): string[] {
  const against = (of: (measured: LatentQuality) => number | null) => (control ? ` (untrained control ${said(of(control))})` : '')
  const score = (name: string, of: (measured: LatentQuality) => number | null) => `${name} ${said(of(trained))}${against(of)}`
  const constant = names.filter((_, a) => trained.best[a] === null)
  return [
    `Over ${trained.images} pictures and ${m} prototypes: ${score('latent AUROC', ({ auroc }) => auroc.mean)}, ${score('TAD', ({ tad }) => tad.tad)}, ${score('captured attributes', ({ tad }) => tad.captured)} of ${names.length}.`,
    `DCI: ${score('disentanglement', ({ dci }) => dci.disentanglement)}, ${score('completeness', ({ dci }) => dci.completeness)}, ${score('informativeness', ({ dci }) => dci.test)}, where always giving the more frequent answer reaches ${said(trained.dci.majority)}.`,
    ...(control ? [] : ['There is no untrained control here; without one these numbers do not show that training helped.']),
    ...(constant.length ? [`The same in all pictures, so there is nothing to tell: ${constant.join(', ')}.`] : []),
    ...(m === 1
      ? ['With a single prototype there is no second best, so TAD is its whole AUROC, and completeness does not exist.']
      : []),
  ]
}
