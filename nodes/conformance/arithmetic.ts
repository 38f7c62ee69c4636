import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['arithmetic'] } as const

export const add = defineNode({
  ...common,
  type: 'ConformAdd',
  title: 'Conformance: Add',
  help: 'Adds two numbers, whole or not.',
  inputs: { a: { type: 'INT,FLOAT', help: 'A number.' }, b: { type: 'INT,FLOAT', help: 'Another.' } },
  outputs: { sum: { type: 'FLOAT', help: 'Both together.' } },
  run: async ({ a, b }) => ({ sum: a + b }),
})

export const addAll = defineNode({
  ...common,
  type: 'ConformAddAll',
  title: 'Conformance: Add All',
  help: 'Adds every number that is linked to it, whatever its input is called.',
  inputs: { first: { type: 'INT,FLOAT', help: 'A number.' } },
  outputs: { sum: { type: 'FLOAT', help: 'All together.' }, names: { type: 'STRING', help: 'What the inputs are called.' } },
  takesUndeclared: true,
  run: async inputs => {
    const given = Object.entries(inputs as Readonly<Record<string, number>>)
    const names = given.map(([name]) => name).sort()
    return { sum: given.reduce((sum, [, number]) => sum + number, 0), names: names.join(' ') }
  },
})

export const concat = defineNode({
  ...common,
  type: 'ConformConcat',
  title: 'Conformance: Concat',
  help: 'Puts one text behind another.',
  inputs: { a: { type: 'STRING', default: '', help: 'The first.' }, b: { type: 'STRING', default: '', help: 'The second.' } },
  outputs: { text: { type: 'STRING', help: 'Both.' } },
  run: async ({ a, b }) => ({ text: a + b }),
})

export const pass = defineNode({
  ...common,
  type: 'ConformPass',
  title: 'Conformance: Pass',
  help: 'Gives what it is given, whatever that is.',
  inputs: { value: { type: '*', help: 'Anything.' } },
  outputs: { value: { type: '*', help: 'The same.' } },
  run: async ({ value }) => ({ value }),
})

export const sleep = defineNode({
  ...common,
  type: 'ConformSleep',
  title: 'Conformance: Sleep',
  help: 'Gives what it is given, later; other nodes run meanwhile.',
  inputs: {
    value: { type: '*', help: 'Anything.' },
    ms: { type: 'INT', default: 100, min: 0, max: 60_000, help: 'How much later, in milliseconds.' },
  },
  outputs: { value: { type: '*', help: 'The same.' } },
  concurrent: true,
  run: async ({ value, ms }, context) => {
    await context.wait(ms)
    return { value }
  },
})
