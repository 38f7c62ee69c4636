/** Colours of types and categories, for our page and for pages of others. Pure. */

/** Mid tones that stand on dark and on light. Types that are not listed get one of `OTHERS` by their name. */
const TYPES: Readonly<Record<string, string>> = {
  PATRONUS: '#a78bfa',
  IMAGE: '#4f9cf9',
  MASK: '#3fb6a8',
  ACTIVATIONS: '#f0a13a',
  NOISE: '#8e9bb0',
  TRACE: '#e36fa8',
  TABLE: '#5bb974',
  PLOT: '#e2725b',
  INT: '#7aa5a1',
  FLOAT: '#7fae8c',
  STRING: '#b39c7c',
  BOOLEAN: '#a988a4',
  COMBO: '#9aa3b2',
}
const OTHERS = ['#c2783f', '#6c8be0', '#58a86a', '#b86ad0', '#c9a227', '#3ea7bd', '#d0637c']

/** A stable number for a word, to choose a colour by. */
const hash = (word: string): number => [...word].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7)

export const typeColour = (type: string): string => TYPES[type.split(',')[0]] ?? OTHERS[hash(type) % OTHERS.length]

/** The thin line on top of a node tells its category. */
export const categoryColour = (category: string): string => OTHERS[hash(category) % OTHERS.length]
