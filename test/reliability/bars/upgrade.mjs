import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { migrations, versionOf } from '../../../dist/server/database/migrations.js'
import { openDatabase } from '../../../dist/server/database/open.js'
import { jsonOf, request } from '../house.mjs'
import { house, startProgram } from '../program.mjs'

const fixtures = path.join(house, 'test/fixtures/state')
const quoted = name => `"${name}"`

/** Every table with its columns and rows. */
function contents(file, columnsOf) {
  const db = new Database(file)
  try {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all()
    return new Map(
      tables.map(({ name }) => {
        const columns = columnsOf?.get(name)?.columns ?? db.pragma(`table_info(${quoted(name)})`).map(column => column.name)
        const rows = db.prepare(`SELECT ${columns.map(quoted)} FROM ${quoted(name)}`).all()
        return [name, { columns, rows: rows.map(row => JSON.stringify(columns.map(column => row[column]))) }]
      }),
    )
  } finally {
    db.close()
  }
}

/** Rows of before that are not there any more, in the columns that there were. */
function lostRows(before, file) {
  const after = contents(file, before)
  return [...before].flatMap(([table, { rows }]) => {
    const left = new Set(after.get(table)?.rows)
    return rows.filter(row => !left.has(row)).map(row => `${table} ${row.slice(0, 80)}`)
  })
}

const versionIn = file => {
  const db = new Database(file)
  try {
    return versionOf(db)
  } finally {
    db.close()
  }
}

/** Opened by this program, and by one whose last step fails. */
async function opened(folder, fixture, wrong) {
  const [good, bad, newer] = ['good', 'bad', 'newer'].map(name => path.join(folder, `${name}.db`))
  for (const file of [good, bad, newer]) await copyFile(path.join(fixtures, fixture), file)
  const before = contents(good)
  openDatabase(good).close()
  if (versionIn(good) !== migrations.length) wrong.push(`${fixture} is of version ${versionIn(good)} when it was opened`)

  const failing = db => {
    for (const table of before.keys()) db.exec(`DELETE FROM ${quoted(table)}`)
    db.exec('CREATE TABLE half_done (x)')
    throw new Error('this step fails')
  }
  let told = ''
  try {
    openDatabase(bad, [...migrations, failing]).close()
  } catch (error) {
    told = error.message
  }
  if (!/this step fails/.test(told)) wrong.push(`${fixture}: a step that fails was told as "${told}"`)
  if (versionIn(bad) !== migrations.length || contents(bad).has('half_done'))
    wrong.push(`${fixture}: a step that failed was not undone`)

  const raw = new Database(newer)
  raw.pragma(`user_version = ${migrations.length + 1}`)
  raw.close()
  const bytes = await readFile(newer)
  try {
    openDatabase(newer).close()
    wrong.push(`${fixture} of a newer version was opened`)
  } catch (error) {
    if (!/newer version/.test(error.message)) wrong.push(`${fixture} of a newer version: ${error.message}`)
  }
  const isSame = bytes.equals(await readFile(newer))
  if (!isSame) wrong.push(`${fixture} of a newer version was changed`)
  const lost = [...lostRows(before, good), ...lostRows(before, bad)]
  return { rows: [...before.values()].reduce((sum, { rows }) => sum + rows.length, 0), lost, before }
}

/** Served by the real program: everything that waited runs, everything that ended is told. */
async function served(folder, fixture, before, wrong) {
  const data = path.join(folder, 'data')
  await mkdir(data)
  await copyFile(path.join(fixtures, fixture), path.join(data, 'state.db'))
  const ids = ['jobs', 'history'].flatMap(table => {
    const { columns, rows } = before.get(table)
    return rows.map(row => JSON.parse(row)[columns.indexOf('prompt_id')])
  })
  const server = await startProgram(data, ['--checkpoints', path.join(data, 'none')])
  try {
    let history = {}
    for (let tries = 0; tries < 600 && !ids.every(id => history[id]); tries++) {
      await sleep(50)
      history = jsonOf(await request(server, 'GET', '/history'))
    }
    const lost = ids.filter(id => !history[id])
    if (lost.length > 0) wrong.push(`${fixture}: the jobs ${lost} are gone`)
    const settings = jsonOf(await request(server, 'GET', '/settings'))
    const { columns, rows } = before.get('settings')
    for (const row of rows.map(row => JSON.parse(row))) {
      const [key, value] = ['key', 'value'].map(name => row[columns.indexOf(name)])
      if (JSON.stringify(settings[key]) !== value)
        wrong.push(`${fixture}: the setting ${key} is ${JSON.stringify(settings[key])}`)
    }
    return ids.length
  } finally {
    await server.close()
  }
}

export default {
  number: 24,
  name: 'upgrade',
  wanted: 'the database of each released version opens, a step that fails is undone, a newer one is left alone: 0 rows lost',
  async run() {
    const found = (await readdir(fixtures)).filter(name => /^state-v\d+\.db$/.test(name)).sort()
    const wrong = []
    const lost = []
    let [rows, jobs] = [0, 0]
    for (const fixture of found) {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-upgrade-'))
      const one = await opened(folder, fixture, wrong)
      rows += one.rows
      lost.push(...one.lost)
      jobs += await served(folder, fixture, one.before, wrong)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }
    if (found.length !== migrations.length) wrong.push(`there are ${found.length} databases of ${migrations.length} versions`)
    return {
      ok: wrong.length === 0 && lost.length === 0 && rows > 0,
      figure: [
        ...wrong.slice(0, 6),
        ...lost.slice(0, 6),
        `${found.length} of ${migrations.length} versions, ${rows} rows, ${lost.length} lost; ${jobs} jobs told or run by the server; a step that fails is undone`,
      ].join('; '),
      rows,
      lost: lost.length,
    }
  },
}
