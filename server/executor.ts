/** Runs a checked graph (execute/execute.ts); this is what the rest of the server sees of it. */
export { execute, type Host, type Outcome } from './execute/execute.ts'
export { explain } from './execute/explain.ts'
