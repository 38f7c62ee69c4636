// @ts-check
/**
 * A plugin in plain JavaScript. It imports nothing at run time: a node is an object, a tensor is `{ shape, data }`.
 * The types below are for the editor and for `tsc --checkJs`; they vanish when it runs.
 *
 * @import { NodeSpec, Tensor } from 'patronus-nodes/plugin'
 */

/**
 * s with some entries set to 0; the tensor that came in belongs to other nodes as well and stays as it is.
 *
 * @param {Tensor} s [B,m]
 * @param {(row: Float32Array) => (value: number, prototype: number) => boolean} keeps
 * @returns {Tensor}
 */
function mask({ shape, data }, keeps) {
  const [B, m] = shape
  const out = new Float32Array(data.length)
  for (let b = 0; b < B; b++) {
    const row = data.subarray(b * m, (b + 1) * m)
    const keep = keeps(row)
    row.forEach((value, j) => {
      if (keep(value, j)) out[b * m + j] = value
    })
  }
  return { shape, data: out }
}

/** @param {Tensor} s */
const said = s => [`${s.data.filter(value => value !== 0).length} of ${s.data.length} activations are left`]

const activations = /** @type {const} */ ({ type: 'ACTIVATIONS', help: 's, [B,m].' })

/** @type {NodeSpec<{ activations: typeof activations, threshold: import('patronus-nodes/plugin').FloatPort }, { activations: typeof activations }>} */
const threshold = {
  type: 'ThresholdActivations',
  title: 'Threshold Activations',
  category: 'examples/prototypes',
  help: 'Sets every activation below a threshold to 0, so that only what is clearly present remains.',
  aliases: ['mask', 'sparse'],
  inputs: {
    activations,
    threshold: {
      type: 'FLOAT',
      default: 0.1,
      min: 0,
      max: 100,
      step: 0.01,
      help: 'Activations below this become 0.',
    },
  },
  outputs: { activations },
  async run({ activations, threshold }) {
    const s = mask(activations, () => value => value >= threshold)
    return { activations: s, ui: { text: said(s) } }
  },
}

/** @type {NodeSpec<{ activations: typeof activations, count: import('patronus-nodes/plugin').IntPort }, { activations: typeof activations }>} */
const strongest = {
  type: 'StrongestActivations',
  title: 'Strongest Activations',
  category: 'examples/prototypes',
  help: 'Keeps the most active prototypes of each picture and sets the others to 0.',
  aliases: ['top-k', 'mask', 'sparse'],
  inputs: {
    activations,
    count: { type: 'INT', default: 8, min: 1, max: 4096, help: 'How many prototypes are kept in each picture.' },
  },
  outputs: { activations },
  async run({ activations, count }) {
    const s = mask(activations, row => {
      const kept = new Set([...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count))
      return (_, j) => kept.has(j)
    })
    return { activations: s, ui: { text: said(s) } }
  },
}

export default { nodes: [threshold, strongest] }
