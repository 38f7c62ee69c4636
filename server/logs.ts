import type { Logger } from 'pino'

/** A line of the log as ComfyUI's terminal panel shows it: when, and what with its line break. */
export type LogLine = { readonly t: string; readonly m: string }

/** The newest lines of the log, for a person who looks at them from a page (spec/comfyui.md 1.10). */
export type Logs = {
  entries(): readonly LogLine[]
  /** `text` is asked for its line when somebody reads it: of most lines nobody ever does. */
  add(text: () => string): void
  /** Says whether a client is told of every new line. */
  subscribe(clientId: string, enabled: boolean): void
}

type Line = { readonly at: number; readonly text: () => string }

type Options = {
  /** Told of a new line; a client that is not there costs nothing. */
  readonly tell: (line: LogLine, clientId: string) => void
  /** What may never be read in a line. */
  readonly secrets?: readonly string[]
  readonly capacity?: number
}

/** Clients that may listen at once; they never say that they leave for good, so the oldest makes room. */
const mostListeners = 100
const longestLine = 2000

export function createLogs({ tell, secrets = [], capacity = 300 }: Options): Logs {
  const lines: Line[] = []
  const written = ({ at, text }: Line): LogLine => ({
    t: new Date(at).toISOString(),
    m: `${withoutSecrets(text().slice(0, 10 * longestLine), secrets).slice(0, longestLine)}\n`,
  })
  const listeners = new Set<string>()
  return {
    entries: () => lines.map(written),
    add: text => {
      const line = { at: Date.now(), text }
      lines.push(line)
      if (lines.length > capacity) lines.shift()
      for (const id of listeners) tell(written(line), id)
    },
    subscribe: (clientId, enabled) => {
      listeners.delete(clientId)
      if (!enabled) return
      listeners.add(clientId)
      if (listeners.size > mostListeners) listeners.delete(listeners.values().next().value!)
    },
  }
}

/** A line as a stranger may read it: no secret, and no folder of this machine. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const hidden = secrets.filter(Boolean).reduce((left, secret) => left.replaceAll(secret, '***'), text)
  return hidden
    .replace(/\bbearer\s+\S+/gi, 'Bearer ***')
    .replace(/\b(token|api[_-]?key|authorization|password)\b(["']?\s*[:=]?\s*["']?)[^\s"',&]+/gi, '$1$2***')
    .replace(/(?:file:\/\/)?(?:\b[A-Z]:)?[\\/](?:[^\s:"'()\\/]+[\\/])+(?=[^\s:"'()\\/]+)/gi, '…/')
}

/** What of a log record is worth a reader's time, in this order. */
const told = ['prompt_id', 'status', 'ms', 'method', 'path', 'error']

/**
 * The same logger, whose words also go to `logs`, whatever its own level. Requests are left out: they are many, and
 * reading the log is one.
 */
export function heardBy(log: Logger, logs: Logs, bound: Readonly<Record<string, unknown>> = {}): Logger {
  // A logger of pino finds its inside through its prototype, as its own children do.
  const heard = Object.create(log) as Logger
  for (const level of ['info', 'warn', 'error', 'fatal'] as const)
    heard[level] = ((first: unknown, ...rest: unknown[]) => {
      if (rest[0] !== 'request') logs.add(() => lineOf(first, rest[0], bound))
      ;(log[level] as (...words: unknown[]) => void)(first, ...rest)
    }) as Logger['info']
  // A child made by way of its parent's prototype would write as its parent, without what it is bound to.
  heard.child = ((facts: Record<string, unknown>) =>
    heardBy(log.child(facts), logs, { ...bound, ...facts })) as unknown as Logger['child']
  return heard
}

function lineOf(first: unknown, message: unknown, bound: Readonly<Record<string, unknown>>): string {
  const isRecord = typeof first === 'object' && first !== null
  if (!isRecord) return lineOf({}, first, bound)
  const record = { ...bound, ...first } as Record<string, unknown> & { err?: { message?: string } }
  const facts = told.filter(key => record[key] !== undefined).map(key => `${key}=${String(record[key])}`)
  if (record.err) facts.push(`error=${record.err.message}`)
  return [message ?? '', ...facts].join(' ').trim()
}
