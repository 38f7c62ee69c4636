import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['list'] } as const

export const makeList = defineNode({
  ...common,
  type: 'ConformMakeList',
  title: 'Conformance: Make List',
  help: 'Gives a list of numbers, each one more than the one before.',
  inputs: {
    first: { type: 'FLOAT', default: 0, min: -1e9, max: 1e9, help: 'The first number.' },
    count: { type: 'INT', default: 3, min: 0, max: 1000, help: 'How many.' },
  },
  outputs: { numbers: { type: 'FLOAT', list: true, help: 'The list.' } },
  run: async ({ first, count }) => ({ numbers: Array.from({ length: count }, (_, i) => first + i) }),
})

export const sumList = defineNode({
  ...common,
  type: 'ConformSumList',
  title: 'Conformance: Sum List',
  help: 'Adds all numbers of a list, and says how many there were.',
  inputs: { numbers: { type: 'INT,FLOAT', help: 'The list.' } },
  outputs: { sum: { type: 'FLOAT', help: 'All of them together.' }, count: { type: 'INT', help: 'How many.' } },
  inputIsList: true,
  run: async ({ numbers }) => ({ sum: numbers.reduce((sum, number) => sum + number, 0), count: numbers.length }),
})
