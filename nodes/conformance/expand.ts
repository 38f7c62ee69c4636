import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['expand', 'loop', 'repeat'] } as const
const value = { type: 'INT,FLOAT', help: 'A number.' } as const
const times = { type: 'INT', default: 3, min: 0, max: 20_000, help: 'How often.' } as const

export const repeatAdd = defineNode({
  ...common,
  type: 'ConformRepeatAdd',
  title: 'Conformance: Repeat Add',
  help: 'Adds a number again and again, each time with a node of its own.',
  inputs: { value, amount: { type: 'FLOAT', default: 1, min: -1e9, max: 1e9, help: 'What is added.' }, times },
  outputs: { value: { type: 'FLOAT', help: 'The sum.' } },
  run: async ({ value, amount, times }) => {
    if (times === 0) return { value }
    const graph = Object.fromEntries(
      Array.from({ length: times }, (_, i) => [
        `add${i}`,
        { class_type: 'ConformAdd', inputs: { a: i === 0 ? value : [`add${i - 1}`, 0], b: amount } },
      ]),
    )
    return { expand: { graph, outputs: { value: [`add${times - 1}`, 0] } } }
  },
})

export const countdown = defineNode({
  ...common,
  type: 'ConformCountdown',
  title: 'Conformance: Countdown',
  help: 'Expands to itself with one time less, until none is left; shows every number on its way.',
  inputs: { times },
  outputs: { generations: { type: 'INT', help: 'How many nodes it took.' } },
  run: async ({ times }) => {
    if (times === 0) return { generations: 0 }
    return {
      expand: {
        graph: {
          less: { class_type: 'ConformCountdown', inputs: { times: times - 1 } },
          more: { class_type: 'ConformAdd', inputs: { a: ['less', 0], b: 1 } },
          show: { class_type: 'ConformShow', inputs: { value: times } },
        },
        outputs: { generations: ['more', 0] },
      },
    }
  },
})

/** A fault on purpose: what it expands to waits for it. */
export const cycle = defineNode({
  ...common,
  type: 'ConformCycle',
  title: 'Conformance: Cycle',
  help: 'Expands to a node that reads from this one, which cannot be run.',
  inputs: { value },
  outputs: { value: { type: 'FLOAT', help: 'Never given.' } },
  notIdempotent: true,
  run: async ({ value }, context) => ({
    expand: {
      graph: { add: { class_type: 'ConformAdd', inputs: { a: [context.node, 0], b: value } } },
      outputs: { value: ['add', 0] },
    },
  }),
})
