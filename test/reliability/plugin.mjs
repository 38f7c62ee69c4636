// The small nodes as a plugin of the real program, whose worker is a process of its own.
import { own } from './nodes.mjs'

export default { nodes: own }
