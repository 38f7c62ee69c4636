import type { Raised } from '../analysis/ranges.ts'

/** What a port `raise_to` offers, and what an analysis is asked for. */
export const raiseOptions = ['maximum', 'max(s_X)', 'value'] as const

export const raisedBy = (raise_to: string, value: number): Raised =>
  raise_to === 'value' ? value : raise_to === 'max(s_X)' ? raise_to : undefined
