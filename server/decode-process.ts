/**
 * The program of a decoder process (decode-pool.ts): one picture at a time, in a process that may run out of time or memory or
 * crash on a hostile file without anybody noticing but the one who sent it.
 */
import { decoders } from './decode.ts'
import type { DecodeAnswer, DecodeTask } from './decode-pool.ts'
import type { BadRequest } from './problem.ts'

/** Exit code of a process that took more memory than it may. */
const outOfMemory = 137
const cap = Number(process.env.PATRONUS_DECODER_BYTES)

// libvips decodes on its own threads, so that this one is free to look.
setInterval(() => {
  if (process.memoryUsage.rss() > cap) process.exit(outOfMemory)
}, 20).unref()

async function answer({ what, given }: DecodeTask): Promise<DecodeAnswer> {
  try {
    return { value: await (decoders[what] as (...given: readonly unknown[]) => Promise<unknown>)(...given) }
  } catch (error) {
    const { type, message, status } = error as BadRequest
    return { problem: { type, message, status } }
  }
}

process.on('message', (task: DecodeTask) => {
  void answer(task).then(found => process.connected && process.send!(found, undefined, undefined, () => {}))
})
process.on('disconnect', () => process.exit(0))
// Ctrl-C goes to the whole group; the parent decides when this process ends.
process.on('SIGINT', () => {})
