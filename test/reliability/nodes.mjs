// Small nodes for the bars: arithmetic, steps that show pictures, and some that do what no node should. LoadImage and SaveImage
// are the shipped ones.
import { tensor } from '../../dist/model/tensor.js'
import { catalog as shipped } from '../../dist/nodes/index.js'
import { defineNode } from '../../dist/nodes/node.js'

const number = { type: 'FLOAT', help: 'A number.', default: 0, min: -1e9, max: 1e9 }
const result = { value: { type: 'FLOAT', help: 'The result.' } }
const node = (type, rest) => defineNode({ type, title: type, category: 'test', help: `${type}.`, ...rest })

/** Everything a node might throw, by name. */
export const thrown = {
  error: () => new TypeError('not to my liking'),
  text: () => 'a plain string',
  number: () => 42,
  null: () => null,
  undefined: () => undefined,
  symbol: () => Symbol('odd'),
  bare: () => Object.create(null),
  cyclic: () => {
    const error = new Error('around and around')
    error.cause = error
    error.self = error
    return error
  },
  trap: () =>
    new Proxy(
      {},
      {
        has: () => true,
        get: () => {
          throw new Error('hands off')
        },
      },
    ),
  'message that is no text': () => Object.assign(new Error('x'), { message: { toString: null } }),
  huge: () => new Error('x'.repeat(5_000_000)),
}

/** Errors that no promise of the node carries. */
const floating = {
  'a promise nobody awaits': after => void new Promise((_, reject) => setTimeout(() => reject(new TypeError('adrift')), after)),
  'a timer that throws': after =>
    void setTimeout(() => {
      throw new TypeError('adrift')
    }, after),
  'a promise of nothing': after => void new Promise((_, reject) => setTimeout(reject, after)),
}

export const own = [
  node('Constant', { inputs: { value: number }, outputs: result, run: async ({ value }) => ({ value }) }),
  node('Add', { inputs: { a: number, b: number }, outputs: result, run: async ({ a, b }) => ({ value: a + b }) }),
  node('Show', {
    inputs: { value: number },
    outputs: {},
    output: true,
    run: async ({ value }) => ({ ui: { text: [String(value)] } }),
  }),
  node('Steps', {
    inputs: {
      count: { type: 'INT', help: 'Steps.', default: 5, min: 1, max: 100_000 },
      wait: { type: 'INT', help: 'ms a step.', default: 0, min: 0, max: 1000 },
      seed: { type: 'INT', help: 'So that no two runs are the same.', default: 0, min: 0, max: 2 ** 31 },
    },
    outputs: result,
    run: async ({ count, wait }, context) => {
      for (let i = 0; i < count; i++) {
        if (wait) await new Promise(resolve => setTimeout(resolve, wait))
        context.progress(i + 1, count)
        await context.preview(tensor([1, 8, 8, 3], new Float32Array(192).fill(i / count)))
      }
      return { value: count }
    },
  }),
  node('Throw', {
    inputs: {
      how: { type: 'COMBO', help: 'What is thrown.', options: Object.keys(thrown) },
      late: { type: 'BOOLEAN', help: 'By a promise, or at once.', default: false },
    },
    outputs: {},
    output: true,
    run: ({ how, late }) => {
      if (late) return new Promise((_, reject) => setTimeout(() => reject(thrown[how]()), 2))
      throw thrown[how]()
    },
  }),
  node('Float', {
    inputs: {
      how: { type: 'COMBO', help: 'What nobody catches.', options: Object.keys(floating) },
      wait: { type: 'INT', help: 'ms the node itself takes.', default: 0, min: 0, max: 60_000 },
      after: { type: 'INT', help: 'ms until it happens.', default: 0, min: 0, max: 60_000 },
      seed: { type: 'INT', help: 'So that no two runs are the same.', default: 0, min: 0, max: 2 ** 31 },
    },
    outputs: {},
    output: true,
    run: async ({ how, wait, after }) => {
      floating[how](after)
      await new Promise(resolve => setTimeout(resolve, wait))
      return { ui: { text: ['done'] } }
    },
  }),
  node('Die', {
    inputs: { whom: { type: 'COMBO', help: 'Which process it ends.', options: ['worker', 'server'] } },
    outputs: {},
    output: true,
    run: async ({ whom }) => {
      process.kill(whom === 'server' ? process.ppid : process.pid, 'SIGKILL')
      // Until this process hears that the other one is gone.
      return new Promise(() => setTimeout(() => {}, 60_000))
    },
  }),
]
export const catalog = new Map([...own, shipped.get('LoadImage'), shipped.get('SaveImage')].map(one => [one.type, one]))
