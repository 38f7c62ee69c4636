import { readdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import type Database from 'libsql'
import { transact } from './transact.ts'
import { z } from 'zod'
import { NamesError } from '../../analysis/naming.ts'
import { readNamesFile } from '../names.ts'

/** A file that was taken over keeps its bytes under this name: nothing reads it any more, and nothing is lost. */
const taken = '.imported'

/**
 * Settings and names of prototypes were files once (`user/settings.json`, `user/names/<sha-256>.json`). Takes over those there
 * are; what the database knows already goes before them. What cannot be read stays where it is, and is told.
 */
export async function takeOldFiles(db: Database.Database, user: string, tell: (problem: string) => void): Promise<void> {
  await takeSettings(db, path.join(user, 'settings.json'), tell)
  const folder = path.join(user, 'names')
  const files = (await readdir(folder).catch(() => [])).filter(name => /^[0-9a-f]{64}\.json$/.test(name))
  for (const name of files) await takeNames(db, path.join(folder, name), tell)
}

async function takeSettings(db: Database.Database, file: string, tell: (problem: string) => void): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const found = z.record(z.string(), z.unknown()).safeParse(parsed(text))
  if (!found.success) return tell('user/settings.json is not a JSON object and was not taken over; correct or remove it')
  const insert = db.prepare('INSERT OR IGNORE INTO settings VALUES (?, ?)')
  transact(db, () => {
    for (const [key, value] of Object.entries(found.data)) insert.run(key, JSON.stringify(value))
  })
  await rename(file, file + taken)
}

async function takeNames(db: Database.Database, file: string, tell: (problem: string) => void): Promise<void> {
  const name = path.basename(file)
  try {
    const text = await readNamesFile(file)
    db.prepare('INSERT OR IGNORE INTO names VALUES (?, ?)').run(path.basename(file, '.json'), text)
    await rename(file, file + taken)
  } catch (error) {
    if (!(error instanceof NamesError)) throw error
    tell(`user/names/${name} was not taken over (${error.message}); correct or remove it`)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
