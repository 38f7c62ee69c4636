import { appendFile, readFile } from 'node:fs/promises'
import { writeWhole } from './files.ts'

/** What a person sees while a run goes on: a bar on a terminal, a line now and then elsewhere. */
export type Reporter = {
  /** Called after every step; `text` is shown beside the bar. */
  step(done: number, total: number, text: string): void
  /** A line that stays. */
  say(line: string): void
}

/** Seconds as people say them: 42 s, 7 min, 2 h 05. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')}`
}

/** Writes to `out`; off a terminal only every `every`-th step and the last. */
export function reporter(out: NodeJS.WriteStream, every: number): Reporter {
  const bar = out.isTTY
  return {
    step: (done, total, text) => {
      if (!bar) {
        if (done % every === 0 || done === total) out.write(`${done}/${total}  ${text}\n`)
        return
      }
      const width = 24,
        full = Math.round((width * done) / Math.max(1, total))
      out.write(`\r\x1b[K${'█'.repeat(full)}${'░'.repeat(width - full)} ${done}/${total}  ${text}${done === total ? '\n' : ''}`)
    },
    say: line => void out.write(`${bar ? '\r\x1b[K' : ''}${line}\n`),
  }
}

export const silent: Reporter = { step: () => {}, say: () => {} }

/** Average seconds of the recent past, weighted to the newest. */
export function pace(): { readonly seconds: number; note(seconds: number): void } {
  let average = NaN
  return {
    get seconds() {
      return average
    },
    note(seconds) {
      average = Number.isNaN(average) ? seconds : 0.95 * average + 0.05 * seconds
    },
  }
}

/** A JSON-lines log. After a kill it may run ahead of the saved state: `rewind` drops what comes after `step`. */
export const jsonLog = (path: string) => ({
  append: (line: Readonly<Record<string, unknown>>) => appendFile(path, `${JSON.stringify(line)}\n`),
  async rewind(step: number): Promise<void> {
    const text = await readFile(path, 'utf8').catch(() => '')
    const kept = text.split('\n').filter(line => stepOf(line) <= step)
    if (text)
      await writeWhole(
        path,
        kept.map(line => `${line}\n`),
      )
  },
})

/** The step of a log line; a line cut off by a kill counts as later than everything. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step
  } catch {
    return Infinity
  }
}

/** Smallest, middle and largest of numbers that need not be sorted. */
export function spread(values: Float32Array): { min: number; median: number; max: number } {
  const sorted = values.slice().sort()
  return { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted.at(-1)! }
}
