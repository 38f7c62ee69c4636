import { applyEdits, parseEdits, type Edit } from '../analysis/edits.ts'
import { column, prototypeLabel } from '../analysis/ranges.ts'
import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusEditPrototype',
  title: 'Edit Prototype',
  category: 'patronus/prototypes',
  help: 'Turns prototypes up or down in s and leaves the others as they were. Values stay between 0 and what the checkpoint has measured for that prototype, unless extrapolate is on.',
  aliases: ['slider', 'manipulate', 'change', 'set', 'extrapolate'],
  inputs: {
    model: { type: 'PATRONUS', help: 'The model that s belongs to; it knows the range of each prototype.' },
    activations: { type: 'ACTIVATIONS', help: 's to edit; every picture of the batch gets the same edits.' },
    prototype: { type: 'INT', default: 0, min: 0, max: 4095, help: 'Which prototype, 0 … m-1.' },
    mode: {
      type: 'COMBO',
      options: ['set', 'add', 'maximum', 'max(s_X)', 'quantile', 'none'],
      default: 'maximum',
      help: "What to do with it: set it to value, add value, raise it to its own maximum or to max(s_X), the paper's one number for all prototypes, bring it to its quantile value (0.5 = median), or nothing, to use more_edits alone.",
    },
    value: {
      type: 'FLOAT',
      default: 0,
      min: -10,
      max: 10,
      step: 0.01,
      help: 'Value to set or add, or the quantile from 0 to 1; not used by maximum and max(s_X).',
    },
    more_edits: {
      type: 'STRING',
      default: '',
      multiline: true,
      optional: true,
      placeholder: '12 = 0.8\n7 + 0.3\n30 = max\n31 = q95',
      help: 'More edits, one a line: "12 = 0.8", "12 + 0.3", "12 - 0.3", "12 = max", "12 = max(s_X)", "12 = min", "12 = q95"; # starts a remark.',
    },
    extrapolate: {
      type: 'BOOLEAN',
      default: false,
      optional: true,
      help: 'Lets values go beyond what was ever measured for the prototype.',
    },
  },
  outputs: { activations: { type: 'ACTIVATIONS', help: 'The edited s.' } },
  async run({ model, activations, prototype, mode, value, more_edits = '', extrapolate = false }) {
    const first = mode === 'none' ? [] : [{ prototype, mode: mode as Edit['mode'], value }]
    const edits = [...first, ...readMore(more_edits)]
    const { s, notes } = applyEdits(activations, edits, model.info, extrapolate)
    const changed = [...new Set(edits.map(edit => edit.prototype))].map(j => {
      const [before, after] = [column(activations, j)[0], column(s, j)[0]]
      return `prototype ${prototypeLabel(j, model.info)}: ${before.toFixed(3)} → ${after.toFixed(3)}`
    })
    return { activations: s, ui: { text: [...changed, ...notes] } }
  },
})

function readMore(text: string): Edit[] {
  try {
    return parseEdits(text)
  } catch (error) {
    throw new Error(`more_edits, ${(error as Error).message}`, { cause: error })
  }
}
