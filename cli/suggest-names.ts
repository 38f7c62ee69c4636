import type { Suggestion } from '../analysis/name-suggestions.ts'
import type { Table } from '../analysis/report.ts'
import type { Tensor } from '../model/tensor.ts'
import type { DataSet } from '../analysis/data-set.ts'
import { Failure } from './failure.ts'
import type { Subject } from './subject.ts'

export type SuggestOptions = {
  /** Test pictures that are looked at, at most. */
  readonly pictures: number
  readonly threshold: number
  /** Also ask an untrained encoder. */
  readonly control: boolean
  readonly seed: number
}

/** Names that the data set's attributes (or classes) suggest for the prototypes, from test pictures. Writes nothing. */
export async function suggestionsFor(
  { patronus, train: load, test, reporter, signal }: Subject,
  { pictures, threshold, control, seed }: SuggestOptions,
): Promise<{ pictures: number; found: Suggestion[] }> {
  const [{ encodeAll }, { suggestNames }, { countOf, facts }, { untrainedControl }] = await Promise.all([
    import('../analysis/conditional-samples.ts'),
    import('../analysis/name-suggestions.ts'),
    import('../analysis/data-set.ts'),
    import('../train/control.ts'),
  ])
  const { names, values } = facts(test)
  if (names.length === 0)
    throw new Failure(
      `${test.name} has neither attributes nor classes to take names from; give a data set that has with --data-set`,
    )
  const count = Math.min(countOf(test), pictures)
  const attributes = { names, values: values.subarray(0, count * names.length) }
  const encode = async (activations: (images: Tensor) => Promise<Tensor>, what: string) => {
    const batches = await batchesOf(test, count, done => reporter.step(done, count, what))
    return encodeAll(activations, batches, signal)
  }
  const s = await encode(async x => (await patronus.encode(x)).s, 's of test pictures')
  if (!control) return { pictures: count, found: suggestNames(s, attributes, undefined, { threshold }) }
  const train = await load()
  const images = Math.min(512, countOf(train))
  const untrained = await untrainedControl(patronus.info.config, train, { images, seed })
  try {
    const bare = await encode(untrained.activations, 's of the untrained control')
    return { pictures: count, found: suggestNames(s, attributes, bare, { threshold }) }
  } finally {
    await untrained.dispose()
  }
}

/** The first `count` pictures, [b,H,W,C] in -1 … 1, some at a time. */
async function batchesOf(data: DataSet, count: number, onBatch: (done: number) => void, batch = 64): Promise<Iterable<Tensor>> {
  const [{ tensor }, { pictures }] = await Promise.all([import('../model/tensor.ts'), import('../analysis/data-set.ts')])
  return (function* () {
    for (let from = 0; from < count; from += batch) {
      const indices = Uint32Array.from({ length: Math.min(batch, count - from) }, (_, i) => from + i)
      yield tensor([indices.length, ...data.shape], pictures(data, indices))
      onBatch(from + indices.length)
    }
  })()
}

const three = (value: number | null): number | null => (value === null ? null : Number(value.toFixed(3)))

export const suggestionTable = (
  found: readonly Suggestion[],
  { pictures, threshold }: { pictures: number; threshold: number },
  named: Readonly<Record<string, string>> = {},
): Table => ({
  title: `Suggested names: attribute AUROC of single prototypes over ${pictures} test pictures, at least ${threshold}`,
  columns: ['prototype', 'is called', 'suggestion', 'AUROC', 'pictures with it', 'next best', 'its AUROC', 'gap', 'untrained'],
  rows: found.map(({ prototype, name, auroc, positives, runnerUp, gap, control }) => [
    prototype,
    named[String(prototype)] ?? null,
    name,
    three(auroc),
    positives,
    runnerUp?.name ?? null,
    three(runnerUp?.auroc ?? null),
    three(gap),
    three(control),
  ]),
})
