/** Port of the nodes that find what a model ties together. */
export const noiseInput = {
  type: 'COMBO',
  options: ['fresh', 'inverted'],
  default: 'fresh',
  optional: true,
  help: "What pictures are formed from: fresh noise, in which the activations decide alone, so that ties show most; or the pictures' own noise by inversion, as in the paper, which holds on to what they show.",
} as const
