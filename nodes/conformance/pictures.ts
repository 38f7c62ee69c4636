import { tensor, zeros } from '../../model/tensor.ts'
import { defineNode } from '../node.ts'

const common = { category: 'conformance', aliases: ['picture', 'preview'] } as const
const side = { type: 'INT', default: 16, min: 1, max: 1024, help: 'Pixels a side.' } as const
const part = (help: string) => ({ type: 'FLOAT', default: 0.5, min: 0, max: 1, help }) as const

const solid = (size: number, color: readonly number[]) => {
  const image = zeros([1, size, size, 3])
  image.data.forEach((_, i) => (image.data[i] = color[i % 3]))
  return image
}

export const image = defineNode({
  ...common,
  type: 'ConformImage',
  title: 'Conformance: Image',
  help: 'Gives a picture of one colour.',
  inputs: { size: side, red: part('Its red.'), green: part('Its green.'), blue: part('Its blue.') },
  outputs: { image: { type: 'IMAGE', help: 'The picture.' } },
  run: async ({ size, red, green, blue }) => ({ image: solid(size, [red, green, blue]) }),
})

/** Behaves as a sampler: a bar, a picture and s every step, and a cancel between two steps. */
export const sampler = defineNode({
  ...common,
  type: 'ConformSampler',
  title: 'Conformance: Sampler',
  help: 'Goes from black to white step by step, showing the picture of every step.',
  inputs: {
    steps: { type: 'INT', default: 10, min: 1, max: 100_000, help: 'How many steps.' },
    ms: { type: 'INT', default: 0, min: 0, max: 10_000, help: 'How long a step takes, in milliseconds.' },
    size: side,
    seed: { type: 'INT', default: 0, min: 0, max: 4294967295, seed: true, help: 'Changes nothing but whether it runs again.' },
  },
  outputs: { image: { type: 'IMAGE', help: 'The white picture.' } },
  run: async ({ steps, ms, size }, context) => {
    for (let step = 1; step <= steps; step++) {
      if (ms > 0) await context.wait(ms)
      const level = step / steps
      context.progress(step, steps)
      context.activations(steps - step, tensor([1, 2], [level, 1 - level]))
      await context.preview(solid(size, [level, level, level]))
    }
    return { image: solid(size, [1, 1, 1]) }
  },
})

export const show = defineNode({
  ...common,
  type: 'ConformShow',
  title: 'Conformance: Show',
  help: 'Shows any value as a text.',
  inputs: { value: { type: '*', help: 'Anything.' } },
  outputs: { text: { type: 'STRING', help: 'The text.' } },
  output: true,
  run: async ({ value }) => {
    const text = textOf(value)
    return { text, ui: { text: [text] } }
  },
})

/** Numbers and texts themselves, of everything with a shape that. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const { shape } = value as { shape?: readonly number[] }
  return shape ? `[${shape.join(',')}]` : JSON.stringify(value)
}
