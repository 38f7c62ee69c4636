import { arrange, prototypes, type Prototype } from '../editor/bank.ts'
import { initialState, type State } from '../editor/shell.ts'
import { aboutText, accepted, aurocText, controlText, countText, foundIn, isEasy, suggested } from '../editor/suggestions.ts'
import type { NameSuggestions, Suggestion } from '../server/protocol.ts'
import { tinyCheckpoint } from './tiny-model.ts'

/** Suggested names as the bank shows them. */

const smiling: Suggestion = {
  prototype: 2,
  name: 'smiling',
  attribute: 'smiling',
  sign: 1,
  auroc: 0.9814,
  runnerUp: { name: 'beard', auroc: 0.643 },
  gap: 0.3384,
  pictures: 2000,
  positives: 997,
  control: 0.608,
  evidence: 's is higher in pictures with smiling.',
}
const pale: Suggestion = {
  ...smiling,
  prototype: 0,
  name: 'not dark skin',
  attribute: 'dark_skin',
  sign: -1,
  auroc: 1,
  control: 1,
}
const found: NameSuggestions = {
  checkpoint: 'ab'.repeat(32),
  dataSet: 'avatars',
  pictures: 2000,
  threshold: 0.8,
  suggestions: [smiling, pale],
}

test('the evidence names the AUROC, that of the untrained encoder, how many pictures have the attribute, and the next best', () => {
  expect([aurocText(smiling), controlText(smiling)]).toEqual(['AUROC .981', 'untrained .608'])
  expect(countText(smiling)).toBe('997 of 2000 pictures have it; next: beard\u00a0.643')
  expect(countText({ ...pale, runnerUp: null })).toBe('997 of 2000 pictures have dark skin')
  expect([aurocText(pale), controlText({ ...pale, control: null })]).toEqual(['AUROC 1.000', undefined])
})

test('what an untrained encoder tells nearly as well is easy; without one that is not known', () => {
  expect([smiling, pale, { ...smiling, control: 0.95 }, { ...pale, control: null }].map(isEasy)).toEqual([
    false,
    true,
    true,
    false,
  ])
})

test('an accepted suggestion takes its evidence as note; a note of a person stays, their confidence was in another name', () => {
  expect(accepted(smiling, undefined)).toEqual({ name: 'smiling', note: smiling.evidence })
  expect(accepted(smiling, { name: 'mouth', note: 'open ones', confidence: 0.9 })).toEqual({ name: 'smiling', note: 'open ones' })
  expect(accepted({ ...smiling, evidence: 'x'.repeat(5000) }, undefined).note).toHaveLength(2000)
})

test('what is said of the list counts its prototypes, and says so when there are none', () => {
  expect(aboutText(found, 128)).toMatch(
    /^2 of 128 prototypes tell an attribute of avatars by themselves, with an AUROC of at least \.8 over 2000 test pictures\. .*nothing is named by itself\.$/,
  )
  expect(aboutText({ ...found, suggestions: [smiling] }, 128)).toMatch(/^1 of 128 prototypes tells an attribute .* by itself, /)
  expect(aboutText({ ...found, suggestions: [] }, 4)).toMatch(/^None of 4 prototypes tell .* test pictures\.$/)
})

test('the list is of the prototypes that something is suggested for, in the order of the suggestions, and can be searched', () => {
  const { info } = tinyCheckpoint()
  const state: State = {
    ...initialState,
    bank: { checkpoint: 'tiny', info, names: {}, hasTiles: false, atlas: 'none', suggestions: { found } },
  }
  const listed = (query: string): number[] =>
    arrange(suggested(prototypes(state), foundIn({ found })), { order: 'given', query, editedOnly: false }).map(
      ({ index }: Prototype) => index,
    )
  expect([listed(''), listed('#0'), foundIn(undefined), foundIn({ asking: true })]).toEqual([[2, 0], [0], [], []])
})

test('a suggestion for a prototype that the bank has not is left out', () => {
  expect(suggested(prototypes(initialState), [smiling])).toEqual([])
})
