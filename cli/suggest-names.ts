import type { NameSuggestions } from '../analysis/name-suggestions.ts'
import type { Table } from '../analysis/report.ts'
import type { Tensor } from '../model/tensor.ts'
import type { InTurn } from '../server/turns.ts'
import { Failure } from './failure.ts'
import type { Subject } from './subject.ts'

export type SuggestOptions = {
  /** Test pictures that are looked at, at most. */
  readonly pictures: number
  readonly threshold: number
  /** Also ask an untrained encoder. */
  readonly control: boolean
  readonly seed: number
  /** Does each piece of work on the device when it may; at once, where nothing else wants the device. */
  readonly inTurn?: InTurn
}

export const suggestDefaults = { pictures: 2000, threshold: 0.8, seed: 1 } as const

/** Training pictures whose patches the untrained encoder's prototypes are. */
const patchesOf = 512

/** Names that the data set's attributes (or classes) suggest for the prototypes, from test pictures. Writes nothing. */
export async function suggestionsFor(
  { patronus, train, test, reporter, signal }: Pick<Subject, 'patronus' | 'train' | 'test' | 'reporter' | 'signal'>,
  { pictures, threshold, control, seed, inTurn = work => work() }: SuggestOptions,
): Promise<NameSuggestions> {
  const [{ encodeAll }, { suggestNames }, { countOf, facts, pictureBatches }, { untrainedControl }] = await Promise.all([
    import('../analysis/batches.ts'),
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
  const encode = (activations: (images: Tensor) => Promise<Tensor>, what: string) => {
    const onBatch = (done: number) => reporter.step(done, count, what)
    return encodeAll(x => inTurn(() => activations(x)), pictureBatches(test, { count, onBatch }), signal)
  }
  const told = { checkpoint: patronus.id, dataSet: test.name, pictures: count, threshold }
  const s = await encode(async x => (await patronus.encode(x)).s, 's of test pictures')
  if (!control) return { ...told, suggestions: suggestNames(s, attributes, undefined, { threshold }) }
  const seen = await train(patchesOf)
  const images = Math.min(patchesOf, countOf(seen))
  const untrained = await inTurn(() => untrainedControl(patronus.info.config, seen, { images, seed }))
  try {
    const bare = await encode(untrained.activations, 's of the untrained control')
    return { ...told, suggestions: suggestNames(s, attributes, bare, { threshold }) }
  } finally {
    await untrained.dispose()
  }
}

const three = (value: number | null): number | null => (value === null ? null : Number(value.toFixed(3)))

export const suggestionTable = (
  { pictures, threshold, suggestions }: NameSuggestions,
  named: Readonly<Record<string, string>> = {},
): Table => ({
  title: `Suggested names: attribute AUROC of single prototypes over ${pictures} test pictures, at least ${threshold}`,
  columns: ['prototype', 'is called', 'suggestion', 'AUROC', 'pictures with it', 'next best', 'its AUROC', 'gap', 'untrained'],
  rows: suggestions.map(({ prototype, name, auroc, positives, runnerUp, gap, control }) => [
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
