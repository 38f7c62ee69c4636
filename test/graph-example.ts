import { describe as describeCatalog } from '../nodes/describe.ts'
import type { AnyNode } from '../nodes/node.ts'
import { defineNode } from '../nodes/node.ts'
import type { ObjectInfo, Prompt } from '../workflows/graph.ts'

/** A small catalog with one of everything a graph check must know, so that the laws do not hang on our real nodes. */
const source = defineNode({
  type: 'Source',
  title: 'Source',
  category: 'test',
  help: 'Makes a picture.',
  inputs: {
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Seed.' },
    strength: { type: 'FLOAT', default: 1, min: 0, max: 10, step: 0.5, help: 'Strength.' },
    method: { type: 'COMBO', options: ['ddim', 'ddpm'], help: 'Method.' },
    note: { type: 'STRING', default: 'hello', optional: true, help: 'Note.' },
    loud: { type: 'BOOLEAN', default: false, optional: true, help: 'Loud.' },
  },
  outputs: { image: { type: 'IMAGE', help: 'Picture.' }, s: { type: 'ACTIVATIONS', help: 's.' } },
  run: () => Promise.reject(new Error('never run')),
})
const change = defineNode({
  type: 'Change',
  title: 'Change',
  category: 'test',
  help: 'Changes a picture.',
  inputs: {
    image: { type: 'IMAGE', help: 'Picture.' },
    other: { type: 'IMAGE', optional: true, help: 'Another picture.' },
    amount: { type: 'INT', default: 2, min: 1, max: 9, help: 'Amount.' },
  },
  outputs: { image: { type: 'IMAGE', help: 'Picture.' } },
  run: () => Promise.reject(new Error('never run')),
})
const show = defineNode({
  type: 'Show',
  title: 'Show',
  category: 'test',
  help: 'Shows a picture.',
  inputs: { images: { type: 'IMAGE', help: 'Picture.' } },
  outputs: {},
  output: true,
  run: () => Promise.reject(new Error('never run')),
})
const load = defineNode({
  type: 'Load',
  title: 'Load',
  category: 'test',
  help: 'Loads a picture.',
  inputs: { image: { type: 'COMBO', options: [], files: 'input', upload: true, help: 'File.' } },
  outputs: { image: { type: 'IMAGE', help: 'Picture.' } },
  run: () => Promise.reject(new Error('never run')),
})

export const exampleInfo: ObjectInfo = describeCatalog(
  new Map<string, AnyNode>([source, change, show, load].map(node => [node.type, node])),
  {
    input: ['a.png', 'b.png'],
  },
)

/** Source 1 → Change 2 → Show 3, without a fault. */
export const examplePrompt: Prompt = {
  '1': { class_type: 'Source', inputs: { seed: 5, strength: 2, method: 'ddim' } },
  '2': { class_type: 'Change', inputs: { image: ['1', 0], amount: 3 } },
  '3': { class_type: 'Show', inputs: { images: ['2', 0] } },
}

/** `examplePrompt` with some inputs of one node replaced; undefined takes an input away. */
export const withInputs = (id: string, inputs: Record<string, unknown>, prompt: Prompt = examplePrompt): Prompt => {
  const merged = Object.entries({ ...prompt[id].inputs, ...inputs }).filter(([, value]) => value !== undefined)
  return { ...prompt, [id]: { ...prompt[id], inputs: Object.fromEntries(merged) } }
}
