import { blocked, defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['stop', 'error'] } as const

export const block = defineNode({
  ...common,
  type: 'ConformBlock',
  title: 'Conformance: Block',
  help: 'Gives what it is given, or blocks whatever reads from it.',
  inputs: {
    value: { type: '*', help: 'Anything.' },
    block: { type: 'BOOLEAN', default: true, help: 'Whether to block.' },
    message: { type: 'STRING', default: '', help: 'What is told then; nothing when empty.' },
  },
  outputs: { value: { type: '*', help: 'The same, or nothing.' } },
  run: async ({ value, block, message }) => ({ value: block ? blocked(message || undefined) : value }),
})

/** Blocks the items above a bound, one by one. */
export const blockAbove = defineNode({
  ...common,
  type: 'ConformBlockAbove',
  title: 'Conformance: Block Above',
  help: 'Lets numbers up to a bound through and blocks the others.',
  inputs: {
    value: { type: 'INT,FLOAT', help: 'A number.' },
    bound: { type: 'FLOAT', default: 0, min: -1e9, max: 1e9, help: 'The greatest that passes.' },
  },
  outputs: { value: { type: 'FLOAT', help: 'The same, or nothing.' } },
  run: async ({ value, bound }) => ({ value: value > bound ? blocked() : value }),
})

export const fail = defineNode({
  ...common,
  type: 'ConformFail',
  title: 'Conformance: Fail',
  help: 'Fails, always.',
  inputs: {
    value: { type: '*', optional: true, help: 'Anything.' },
    message: { type: 'STRING', default: 'This node always fails', help: 'What it says.' },
  },
  outputs: { value: { type: '*', help: 'Never given.' } },
  run: async ({ message }) => {
    throw new RangeError(message)
  },
})
