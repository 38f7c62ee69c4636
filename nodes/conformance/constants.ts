import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['constant', 'literal'] } as const

export const int = defineNode({
  ...common,
  type: 'ConformInt',
  title: 'Conformance: Int',
  help: 'Gives a whole number.',
  inputs: { value: { type: 'INT', default: 0, min: -1000, max: 1000, help: 'The number.' } },
  outputs: { value: { type: 'INT', help: 'The number.' } },
  run: async ({ value }) => ({ value }),
})

export const float = defineNode({
  ...common,
  type: 'ConformFloat',
  title: 'Conformance: Float',
  help: 'Gives a number.',
  inputs: { value: { type: 'FLOAT', default: 0, min: -1e9, max: 1e9, help: 'The number.' } },
  outputs: { value: { type: 'FLOAT', help: 'The number.' } },
  run: async ({ value }) => ({ value }),
})

export const string = defineNode({
  ...common,
  type: 'ConformString',
  title: 'Conformance: String',
  help: 'Gives a text.',
  inputs: { value: { type: 'STRING', default: '', help: 'The text.' } },
  outputs: { value: { type: 'STRING', help: 'The text.' } },
  run: async ({ value }) => ({ value }),
})

export const boolean = defineNode({
  ...common,
  type: 'ConformBoolean',
  title: 'Conformance: Boolean',
  help: 'Gives true or false.',
  inputs: { value: { type: 'BOOLEAN', default: false, help: 'Which of them.' } },
  outputs: { value: { type: 'BOOLEAN', help: 'The same.' } },
  run: async ({ value }) => ({ value }),
})

/** More options than an error may list (spec/comfyui.md 1.2, value_not_in_list). */
export const choice = defineNode({
  ...common,
  type: 'ConformChoice',
  title: 'Conformance: Choice',
  help: 'Gives one of three words, and one of many.',
  inputs: {
    few: { type: 'COMBO', options: ['one', 'two', 'three'], default: 'one', help: 'One of three.' },
    many: { type: 'COMBO', options: Array.from({ length: 30 }, (_, i) => `option ${i}`), help: 'One of thirty.', optional: true },
  },
  outputs: { few: { type: 'STRING', help: 'The one of three.' }, many: { type: 'STRING', help: 'The one of thirty.' } },
  run: async ({ few, many = 'option 0' }) => ({ few, many }),
})
