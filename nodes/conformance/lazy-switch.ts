import { defineNode } from '../node.ts'

export const lazySwitch = defineNode({
  type: 'ConformLazySwitch',
  title: 'Conformance: Lazy Switch',
  category: 'conformance',
  aliases: ['lazy', 'branch', 'if'],
  help: 'Gives one of two values; what makes the other one is never run.',
  inputs: {
    which: { type: 'BOOLEAN', default: false, help: 'True for on_true.' },
    on_false: { type: '*', lazy: true, optional: true, help: 'Anything.' },
    on_true: { type: '*', lazy: true, optional: true, help: 'Anything.' },
  },
  outputs: { value: { type: '*', help: 'The chosen one.' } },
  needs: ({ which }) => [which ? 'on_true' : 'on_false'],
  run: async ({ which, on_false, on_true }) => {
    const value = which ? on_true : on_false
    if (value === undefined) throw new Error(`Nothing is linked to ${which ? 'on_true' : 'on_false'}; link what is to be given`)
    return { value }
  },
})

/** The product, which is 0 as soon as one factor is: the second is asked for only after the first is known. */
export const lazyProduct = defineNode({
  type: 'ConformLazyProduct',
  title: 'Conformance: Lazy Product',
  category: 'conformance',
  aliases: ['lazy', 'multiply'],
  help: 'Multiplies two numbers, and never has the second made when the first is 0.',
  inputs: { a: { type: 'INT,FLOAT', lazy: true, help: 'A number.' }, b: { type: 'INT,FLOAT', lazy: true, help: 'Another.' } },
  outputs: { product: { type: 'FLOAT', help: 'Their product.' } },
  needs: ({ a }) => (a === undefined ? ['a'] : a === 0 ? [] : ['b']),
  run: async ({ a, b }) => ({ product: a === 0 ? 0 : a! * b! }),
})
