import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['cache', 'changed'] } as const

export const fingerprint = defineNode({
  ...common,
  type: 'ConformFingerprint',
  title: 'Conformance: Fingerprint',
  help: 'Gives a number; whether it runs again is for its fingerprint to say.',
  inputs: {
    value: { type: 'FLOAT', default: 0, min: -1e9, max: 1e9, help: 'The number.' },
    how: {
      type: 'COMBO',
      options: ['same', 'nan', 'throw'],
      default: 'same',
      help: 'A fingerprint that stays the same, is NaN, or fails.',
    },
  },
  outputs: { value: { type: 'FLOAT', help: 'The number.' } },
  fingerprint: async ({ how }) => {
    if (how === 'throw') throw new Error('This fingerprint always fails')
    return how === 'nan' ? NaN : 'the same'
  },
  run: async ({ value }) => ({ value }),
})

export const ownId = defineNode({
  ...common,
  type: 'ConformOwnId',
  title: 'Conformance: Own Id',
  help: 'Gives its own id in the graph.',
  inputs: { value: { type: '*', optional: true, help: 'Anything.' } },
  outputs: { id: { type: 'STRING', help: 'The id.' } },
  notIdempotent: true,
  run: async (_, context) => ({ id: context.node }),
})

export const hidden = defineNode({
  ...common,
  type: 'ConformHidden',
  title: 'Conformance: Hidden',
  help: 'Gives what no input brings: its id, how many nodes the graph has, and what is kept with pictures.',
  inputs: { value: { type: '*', optional: true, help: 'Anything.' } },
  outputs: {
    id: { type: 'STRING', help: 'The id.' },
    nodes: { type: 'INT', help: 'How many nodes.' },
    info: { type: 'STRING', help: 'What is kept, as JSON.' },
  },
  notIdempotent: true,
  run: async (_, { node, prompt, extraPngInfo }) => ({
    ...{ id: node, nodes: Object.keys(prompt).length, info: JSON.stringify(extraPngInfo) },
  }),
})

export const validated = defineNode({
  ...common,
  type: 'ConformValidated',
  title: 'Conformance: Validated',
  help: 'Takes even numbers only, and says so before anything runs.',
  inputs: {
    a: { type: 'INT', default: 0, min: 0, max: 10, help: 'An even number; its check is its own, so that 12 passes, too.' },
    b: { type: 'INT', default: 0, min: 0, max: 10, help: 'Any number.' },
    how: {
      type: 'COMBO',
      options: ['message', 'false', 'throw'],
      default: 'message',
      help: 'How it says what is wrong.',
      optional: true,
    },
  },
  outputs: { sum: { type: 'INT', help: 'Both together.' } },
  validate: {
    inputs: ['a'],
    check: async ({ a, how }) => {
      if (a === undefined || a % 2 === 0) return true
      if (how === 'throw') throw new Error(`${a} could not be checked`)
      return how === 'false' ? false : `${a} is odd; give an even number`
    },
  },
  run: async ({ a, b }) => ({ sum: a + b }),
})
