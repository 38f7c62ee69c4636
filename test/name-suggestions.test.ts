import { suggestNames, type Attributes } from '../analysis/name-suggestions.ts'
import { tensor, type Tensor } from '../model/tensor.ts'

/** Prototypes whose meaning is known beforehand, and what is suggested for them. */

const B = 40
/** Attribute a of picture b: three that are independent of each other, one that never varies, one that two pictures have. */
const facts = [
  (b: number) => Number(b % 2 === 0),
  (b: number) => Number(Math.floor(b / 2) % 2 === 0),
  (b: number) => Number(Math.floor(b / 4) % 2 === 0),
  () => 1,
  (b: number) => Number(b < 2),
]
const attributes: Attributes = {
  names: ['wearing_glasses', 'smile', 'hat', 'face', 'rare'],
  values: Uint8Array.from({ length: B * facts.length }, (_, i) => facts[i % facts.length](Math.floor(i / facts.length))),
}
/** s [B,m] from one function of the picture a prototype. */
const activations = (...columns: ((b: number) => number)[]): Tensor =>
  tensor(
    [B, columns.length],
    Array.from({ length: B * columns.length }, (_, i) => columns[i % columns.length](Math.floor(i / columns.length))),
  )

test('each prototype gets the attribute it tells best, with its sign, the next one and how far that is behind', () => {
  const s = activations(
    b => facts[0](b) + 0.001 * b,
    b => -facts[1](b),
    b => 0.1 * ((b * 7) % 13),
  )
  const found = suggestNames(s, attributes)
  expect(found.map(({ prototype, name, sign }) => [prototype, name, sign])).toEqual([
    [0, 'wearing glasses', 1],
    [1, 'not smile', -1],
  ])
  expect(found[1]).toMatchObject({ attribute: 'smile', auroc: 1, pictures: B, positives: 20, control: null })
  expect(found[1].gap).toBeCloseTo(1 - found[1].runnerUp!.auroc, 12)
  expect(found[1].evidence).toMatch(
    /^s is lower in pictures with smile: AUROC 1\.000 over 40 pictures, 20 of them with it\. Next: /,
  )
})

test('a prototype that tells two attributes alike says so by its gap', () => {
  const [{ auroc, runnerUp, gap }] = suggestNames(
    activations(b => facts[0](b) + facts[2](b)),
    attributes,
    undefined,
    { threshold: 0.8 },
  )
  // With the attribute s is 1 or 2, without it 0 or 1: higher in three of four pairs, equal in the fourth.
  expect([auroc, runnerUp!.auroc, gap]).toEqual([0.875, 0.875, 0])
})

test('nothing is suggested below the threshold, nor for an attribute that never varies or is rare', () => {
  expect(
    suggestNames(
      activations(b => facts[0](b) + 3 * ((b * 7) % 13)),
      attributes,
    ),
  ).toEqual([])
  expect(suggestNames(activations(facts[4]), attributes, undefined, { threshold: 0.9 })).toEqual([])
  expect(suggestNames(activations(facts[4]), attributes, undefined, { threshold: 0.9, fewest: 2 })[0].name).toBe('rare')
  const constant = { names: ['face'], values: Uint8Array.from({ length: B }, facts[3]) }
  expect(suggestNames(activations(facts[0]), constant, undefined, { fewest: 0 })).toEqual([])
})

test('the control is the best untrained prototype for the same attribute, whichever number and sign it has', () => {
  const control = activations(
    b => (b * 7) % 13,
    b => 5 - facts[1](b),
    () => 0,
  )
  const [found] = suggestNames(activations(facts[1]), attributes, control)
  expect([found.name, found.control]).toEqual(['smile', 1])
  expect(found.evidence).toMatch(/An untrained encoder's best prototype reaches 1\.000\.$/)
})

test('strongest first; a single attribute has no runner-up', () => {
  const one: Attributes = { names: ['a'], values: Uint8Array.from({ length: B }, (_, b) => facts[0](b)) }
  const found = suggestNames(
    activations(
      b => facts[0](b) + (b === 1 ? 5 : 0),
      b => facts[0](b),
    ),
    one,
  )
  expect(found.map(({ prototype, runnerUp, gap }) => [prototype, runnerUp, gap])).toEqual([
    [1, null, null],
    [0, null, null],
  ])
})

test('tables that do not fit the pictures are refused with both numbers', () => {
  expect(() => suggestNames(activations(facts[0]), { names: ['a', 'b'], values: new Uint8Array(B) })).toThrow(/80 values, got 40/)
  expect(() => suggestNames(activations(facts[0]), attributes, tensor([3, 1], [1, 2, 3]))).toThrow(/same 40 pictures, got 3/)
})
