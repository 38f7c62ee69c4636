import type Database from 'libsql'
import { transact } from './transact.ts'
import type { HistoryEntry } from '../history.ts'
import { checkRoom, createBell, defaultRoom, usedBefore, type Job, type JobQueue, type Room } from '../queue.ts'
import { createBatch, lightly } from './batch.ts'
import { historyTable } from './history.ts'

/** A job may take the server down with it; one that did so this often is not tried again, or the server would never come up. */
export const mostAttempts = 3

/**
 * Begun so often without an end, a job waits until nothing else does: deaths by chance then fall on others, one that is to blame
 * lets the others by.
 */
const suspectAfter = mostAttempts - 1

type Row = { readonly job: string }
type Running = Row & { readonly prompt_id: string; readonly attempt: number }

/**
 * The queue as rows of a database. What ran when the process before this one ended waits again, in its old place, under its
 * old id.
 */
export function createSqlQueue(db: Database.Database, capacity: number, room = defaultRoom): JobQueue {
  const stalled = recover(db, capacity)
  const bell = createBell()
  const jobsIn = db.prepare('SELECT job FROM jobs WHERE state = ? ORDER BY number, sequence')
  const countRunning = db.prepare("SELECT count(*) AS count FROM jobs WHERE state = 'running'")
  const waiting = createTally(db)
  const known = db.prepare('SELECT 1 FROM jobs WHERE prompt_id = ?')
  const insert = db.prepare('INSERT INTO jobs (prompt_id, number, job) VALUES (?, ?, ?)')
  // Two statements, as the index is in this order of each, but not of both together.
  const claims = ['<', '>='].map(compared =>
    db.prepare(`
      UPDATE jobs SET state = 'running', attempt = attempt + 1
      WHERE sequence = (
        SELECT sequence FROM jobs WHERE state = 'queued' AND attempt ${compared} ${suspectAfter} ORDER BY number, sequence LIMIT 1
      )
      RETURNING job`),
  )
  const drop = db.prepare('DELETE FROM jobs WHERE prompt_id = ?')
  const dropQueued = db.prepare("DELETE FROM jobs WHERE prompt_id = ? AND state = 'queued' RETURNING job")
  const dropAllQueued = db.prepare("DELETE FROM jobs WHERE state = 'queued' RETURNING job")
  const forgetOutputs = db.prepare('DELETE FROM outputs WHERE prompt_id = ?')
  const release = db.prepare("UPDATE jobs SET state = 'queued', attempt = attempt - 1 WHERE prompt_id = ? AND state = 'running'")
  const counter = createCounter(db)
  const history = historyTable(db)
  const together = createBatch(db)

  const read = (rows: readonly unknown[]): Job[] => (rows as readonly Row[]).map(({ job }) => JSON.parse(job) as Job)
  return {
    nextNumber: async () => counter.next(),
    add: async job => {
      const text = JSON.stringify(job)
      const bytes = Buffer.byteLength(text)
      const keep = () => {
        checkRoom(room, waiting.now(), bytes)
        insert.run(job.promptId, job.number, text)
        counter.keep()
        waiting.add(1, bytes)
      }
      await together(keep, { patiently: true }).catch((error: { code?: string }) => {
        waiting.forget()
        throw error.code === 'SQLITE_CONSTRAINT_UNIQUE' ? usedBefore(job.promptId) : error
      })
      bell.ring()
    },
    checkRoom: async () => checkRoom(room, waiting.now(), 1),
    take: () =>
      bell.wait(() => {
        const row = lightly(db, () => claims[0].get() ?? claims[1].get()) as Row | undefined
        if (!row) return undefined
        waiting.add(-1, -Buffer.byteLength(row.job))
        return JSON.parse(row.job) as Job
      }),
    finish: (promptId, entry) =>
      together(() => {
        if (entry) history.insert(entry, capacity)
        drop.run(promptId)
      }).catch(error => {
        history.forget()
        throw error
      }),
    release: async promptId => {
      waiting.forget()
      release.run(promptId)
      bell.ring()
    },
    stalled,
    pending: async () => read(jobsIn.all('queued')),
    running: async () => read(jobsIn.all('running')),
    count: async () => ({ pending: waiting.now().jobs, running: (countRunning.get() as { count: number }).count }),
    has: async promptId => known.get(promptId) !== undefined,
    remove: async ids =>
      transact(db, () => {
        waiting.forget()
        const taken = read(ids ? ids.flatMap(id => dropQueued.all(id)) : dropAllQueued.all())
        for (const { promptId } of taken) forgetOutputs.run(promptId)
        return taken
      }),
    close: bell.close,
  }
}

/** Numbers are handed out from memory and written with the job that got one: a number without a job may be given again. */
function createCounter(db: Database.Database) {
  const row = db.prepare("SELECT value FROM counters WHERE name = 'prompt'").get() as { value: number } | undefined
  const write = db.prepare("INSERT INTO counters VALUES ('prompt', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
  let value = row?.value ?? 0
  return { next: () => value++, keep: () => void write.run(value) }
}

/**
 * How much waits: asked of the database, counted on while jobs come and begin, and forgotten by whatever else changes it or may
 * have failed. `octet_length` reads the head of a row, not its megabytes; for a thousand rows that still takes 2 ms.
 */
function createTally(db: Database.Database) {
  const ask = db.prepare("SELECT count(*) AS jobs, coalesce(sum(octet_length(job)), 0) AS bytes FROM jobs WHERE state = 'queued'")
  let known: Room | undefined
  return {
    now: () => (known ??= ask.get() as Room),
    add: (jobs: number, bytes: number) => {
      known = known && { jobs: known.jobs + jobs, bytes: known.bytes + bytes }
    },
    forget: () => {
      known = undefined
    },
  }
}

/**
 * After the death of a process: what ran waits again, except for what has taken a process with it too often. Returns how many
 * there were.
 */
function recover(db: Database.Database, capacity: number): number {
  return transact(db, () => {
    const stuck = db.prepare("SELECT prompt_id, attempt, job FROM jobs WHERE state = 'running'").all() as Running[]
    for (const { prompt_id, attempt, job } of stuck) {
      if (attempt < mostAttempts) db.prepare("UPDATE jobs SET state = 'queued' WHERE prompt_id = ?").run(prompt_id)
      else {
        historyTable(db).insert(poisoned(JSON.parse(job) as Job, attempt), capacity)
        db.prepare('DELETE FROM jobs WHERE prompt_id = ?').run(prompt_id)
      }
    }
    return stuck.length
  })
}

function poisoned(job: Job, attempts: number): HistoryEntry {
  const node = job.outputs[0] ?? ''
  const data = {
    prompt_id: job.promptId,
    node_id: node,
    node_type: job.prompt[node]?.class_type ?? '',
    executed: [],
    exception_type: 'ServerDied',
    exception_message: `The server died while running this graph ${attempts} times; it is not tried again. Try a smaller image, batch or number of steps`,
    traceback: [],
    current_inputs: {},
    current_outputs: [],
    timestamp: Date.now(),
  }
  return { job, outputs: {}, status: { status_str: 'error', completed: false, messages: [['execution_error', data]] } }
}
