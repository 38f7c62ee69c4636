import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Decoders } from './decode.ts'
import { BadRequest } from './problem.ts'

/** All that crosses between this process and a decoder. Plain data, by structured clone. */
export type DecodeTask = { readonly what: keyof Decoders; readonly given: readonly unknown[] }
export type DecodeAnswer =
  { readonly value: unknown } | { readonly problem: { readonly type: string; readonly message: string; readonly status: number } }

export type PoolOptions = {
  /** The compiled decode-process.js. */
  readonly script: string
  /** Processes at most; pictures beyond that wait. */
  readonly most?: number
  /** Pictures that may wait. */
  readonly waiting?: number
  /** How long one picture may take, ms. */
  readonly patience?: number
  /** Resident bytes one process may reach. */
  readonly bytes?: number
  /** How long a process without work is kept, ms. */
  readonly idle?: number
}

/** The compiled program beside this file; undefined where the sources run as they are (tests). */
export const decodeScript = (): string | undefined => {
  const script = fileURLToPath(new URL('./decode-process.js', import.meta.url))
  return existsSync(script) ? script : undefined
}

type Work = {
  readonly task: DecodeTask
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}
type Hand = { readonly child: ChildProcess; work?: Work; timer?: NodeJS.Timeout; late?: boolean }

/**
 * Decodes pictures in processes of their own, started when needed. A codec is code that reads hostile bytes: here it can take
 * no more than some time and some memory, and when it crashes the request fails, not the server.
 */
export function createDecodePool({
  script,
  most = 2,
  waiting: room = 500,
  patience = 20_000,
  bytes = 1 << 30,
  idle = 30_000,
}: PoolOptions): Decoders & { close(): void } {
  const hands = new Set<Hand>()
  const waiting: Work[] = []

  const begin = (): Hand => {
    const child = fork(script, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: ['--disable-proto=delete', '--max-old-space-size=256'],
      // Nothing of ours is told to it: no token, no paths.
      env: { ...pick('PATH', 'SystemRoot', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'), PATRONUS_DECODER_BYTES: String(bytes) },
    })
    const hand: Hand = { child }
    hands.add(hand)
    child.on('message', answer => hear(hand, answer as DecodeAnswer))
    child.on('error', () => {})
    child.on('exit', (code, signal) => lost(hand, code, signal))
    return hand
  }
  const give = (hand: Hand, work: Work) => {
    clearTimeout(hand.timer)
    hand.work = work
    // An idle decoder does not keep a program running; one that works does.
    hand.child.ref()
    hand.child.channel?.ref()
    hand.timer = setTimeout(() => {
      hand.late = true
      hand.child.kill('SIGKILL')
    }, patience)
    hand.child.send(work.task, () => {})
  }
  const rest = (hand: Hand) => {
    clearTimeout(hand.timer)
    hand.work = undefined
    const next = waiting.shift()
    if (next) return give(hand, next)
    hand.child.unref()
    hand.child.channel?.unref()
    hand.timer = setTimeout(() => hand.child.kill(), idle).unref()
  }
  const hear = (hand: Hand, answer: DecodeAnswer) => {
    const { work } = hand
    rest(hand)
    if ('value' in answer) work?.resolve(answer.value)
    else work?.reject(new BadRequest(answer.problem.type, answer.problem.message, answer.problem.status))
  }
  const lost = (hand: Hand, code: number | null, signal: string | null) => {
    clearTimeout(hand.timer)
    hands.delete(hand)
    hand.work?.reject(deathOf(hand.late === true, code, signal, { patience, bytes }))
    const next = waiting.shift()
    if (next) give(begin(), next)
  }
  const ask = <T>(what: keyof Decoders, ...given: unknown[]): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const work: Work = { task: { what, given }, resolve: resolve as (value: unknown) => void, reject }
      const free = [...hands].find(hand => !hand.work && hand.child.connected)
      if (free) give(free, work)
      else if (hands.size < most) give(begin(), work)
      else if (waiting.length < room) waiting.push(work)
      else reject(new BadRequest('busy', `${room} images wait to be decoded already; try again in a moment`, 503))
    })
  return {
    check: bytes => ask('check', bytes),
    read: (file, most) => ask('read', file, most),
    flat: (file, channels) => ask('flat', file, channels),
    convert: async (file, wanted) => {
      const { mime, bytes } = await ask<{ mime: string; bytes: Uint8Array }>('convert', file, wanted)
      return { mime, bytes: bufferOf(bytes) }
    },
    size: file => ask('size', file),
    cut: async (file, place) => bufferOf(await ask<Uint8Array>('cut', file, place)),
    mask: async (file, mask) => bufferOf(await ask<Uint8Array>('mask', file, mask)),
    close: () => hands.forEach(({ child }) => child.kill('SIGKILL')),
  }
}

/** A Buffer crosses as plain bytes. */
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const pick = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]!]])))

function deathOf(
  late: boolean,
  code: number | null,
  signal: string | null,
  most: { patience: number; bytes: number },
): BadRequest {
  if (late)
    return new BadRequest('image_too_costly', `The image was not decoded within ${most.patience / 1000} s; make it smaller`, 413)
  // What the system ends for want of memory dies of SIGKILL.
  if (code === 137 || signal === 'SIGKILL')
    return new BadRequest('image_too_costly', `The image took more than ${most.bytes >> 20} MB to decode; make it smaller`, 413)
  return new BadRequest(
    'broken_image',
    `The image could not be decoded (the decoder ended with ${signal ?? code}); save it again`,
  )
}
