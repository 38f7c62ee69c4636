import { InvalidArgumentError, Option } from 'commander'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import type { DeviceName } from '../engine/device.ts'

/** Options that several commands share, and the readers of their values. */

/** The same lists as engine/device.ts has; that file is not loaded just to print help. */
const compiled = ['auto', 'cuda', 'webgpu', 'cpu'] as const satisfies readonly DeviceName[]
const eager = ['tfjs-node-gpu', 'tfjs-node', 'tfjs-cpu'] as const satisfies readonly DeviceName[]
export const deviceNames = [...compiled, ...eager] as const

export const deviceOption = (): Option => new Option('--device <name>', 'where networks run').choices(deviceNames).default('auto')
/** Loaded at the start only, never over HTTP: a plugin runs with all rights of the program. */
export const pluginOption = (): Option =>
  new Option('--plugin <name-or-path>', 'more nodes: a package of node_modules here, a folder or a file; repeatable').argParser(
    collected,
  )
/** Gradient steps are always compiled. */
export const trainingDeviceOption = (): Option =>
  new Option('--device <name>', 'where networks run').choices(compiled).default('auto')

export const editOption = (help: string, initial: EditKind): Option =>
  new Option('--edit <how>', help).choices(['maximum', 'usual'] satisfies EditKind[]).default(initial)

export const noiseOption = (): Option =>
  new Option(
    '--noise <kind>',
    "form pictures from fresh noise, where s decides alone, or from their own, by inversion (the paper's way)",
  )
    .choices(['fresh', 'inverted'] satisfies NoiseKind[])
    .default('fresh')

/** A whole number from `min` to `max`. */
export const whole =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(
      `wanted a whole number ${max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `${min} … ${max}`}.`,
    )
  }

/** A number from 0 to 1. */
export function fraction(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text)
  if (value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('wanted a number 0 … 1.')
}

/** Options that may be given several times. */
export const collected = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]

/** The next time the clock shows hh:mm or hh:mm:ss, in ms since 1970. */
export function clockTime(text: string, now = new Date()): number {
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text) ?? []
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59)
    throw new InvalidArgumentError('wanted a time as hh:mm or hh:mm:ss.')
  const at = new Date(now)
  at.setHours(Number(hours), Number(minutes), Number(seconds), 0)
  if (at <= now) at.setDate(at.getDate() + 1)
  return at.getTime()
}
