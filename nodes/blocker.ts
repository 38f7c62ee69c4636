const mark = Symbol.for('patronus.blocked')

/** Stands in the place of a value that is not to be had: nodes that would read it do not run, nor those after them. */
export type Blocker = { readonly [mark]: true; readonly message?: string }

/**
 * A value that stops everything downstream of it, other branches go on. With a message, clients are told it as an error of the first
 * node it stops (ComfyUI's ExecutionBlocker); without one it is silent, as for a branch that was not chosen.
 */
export const blocked = (message?: string): Blocker => ({ [mark]: true, ...(message !== undefined && { message }) })

/** By a mark that all copies of this module share: a plugin may bring its own. */
export const isBlocked = (value: unknown): value is Blocker => typeof value === 'object' && value !== null && mark in value
