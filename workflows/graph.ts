/** What a graph is and what can be said about one: pure functions, used by server, command line and page alike. */
export * from './types.ts'
export { graphKind, parsePrompt, parseWorkflow } from './parse.ts'
export { problems, type Checked, type CheckOptions } from './problems.ts'
export { isLinkable } from './check-node.ts'
export { explain } from './explain.ts'
export { linksInto, runOrder } from './order.ts'
export { signatures } from './signatures.ts'
