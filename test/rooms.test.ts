import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'

/** Who may import whom (DESIGN.md section 2). "x type" = types only. */
const mayImport: Record<string, readonly string[]> = {
  model: [],
  engine: ['model'],
  analysis: ['model', 'engine'],
  nodes: ['model', 'engine', 'analysis'],
  workflows: ['nodes type'],
  server: ['model', 'engine', 'analysis', 'nodes', 'workflows'],
  editor: ['workflows', 'nodes type', 'server type', 'engine type'],
  train: ['model', 'engine', 'analysis'],
}

/** Rooms that must also run in a page: nothing of Node's, and of packages only these. */
const pure: Record<string, readonly string[]> = {
  model: ['@tensorflow/tfjs-core'],
  analysis: [],
  workflows: [],
}

type Import = { readonly file: string; readonly target: string; readonly isType: boolean; readonly isLater: boolean }

/** Every import and export-from of a room's own files, however it is written. */
function importsOf(room: string): Import[] {
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.[mc]?tsx?$/.test(name) && !name.includes('node_modules'))
    .map(name => join(room, name))
  return files.flatMap(importsIn)
}

function importsIn(file: string): Import[] {
  const source = readFileSync(file, 'utf8')
  const statements = source.matchAll(/^\s*(?:import|export)\s+(type\s)?([^'"`;]*?from\s*)?['"]([^'"]+)['"]/gm)
  const dynamic = source.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g)
  return [
    ...[...statements].map(([, type, names = '', target]) => ({
      file,
      target,
      isType: !!type || isOnlyTypes(names),
      isLater: false,
    })),
    ...[...dynamic].map(([, target]) => ({ file, target, isType: false, isLater: true })),
  ]
}

/** `{ type A, type B } from`: nothing is left of it at run time. */
const isOnlyTypes = (names: string): boolean => {
  const inside = /^\{([^}]*)\}\s*from\s*$/.exec(names)?.[1]
  return !!inside && inside.split(',').every(name => name.trim() === '' || name.trim().startsWith('type '))
}

/** The room a relative import leads into. */
function roomOf(file: string, target: string): string | undefined {
  if (!target.startsWith('.')) return undefined
  return join(file, '..', target).split('/')[0]
}

const rooms = Object.keys(mayImport).filter(room => existsSync(room))

test('the rooms are there', () =>
  expect(rooms).toEqual(expect.arrayContaining(['model', 'engine', 'analysis', 'nodes', 'workflows', 'server'])))

test.each(rooms)('%s/ imports only the rooms it may', room => {
  const found = importsOf(room)
  const wrong = found.filter(({ file, target, isType }) => {
    const into = roomOf(file, target)
    if (into === undefined || into === room || !existsSync(into) || into === 'package.json') return false
    return !(mayImport[room].includes(into) || (isType && mayImport[room].includes(`${into} type`)))
  })
  expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
  expect(found.length).toBeGreaterThan(0)
})

test.each(Object.keys(pure))("%s/ imports nothing of Node's, so that it can run in a page", room => {
  const wrong = importsOf(room).filter(
    ({ target, isType }) =>
      !isType &&
      !target.startsWith('.') &&
      (target.startsWith('node:') || builtinModules.includes(target) || !pure[room].includes(target)),
  )
  expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
})

test('nodes/ asks its context for files, network and time, and never takes them itself', () => {
  const wrong = importsOf('nodes').filter(({ target }) => target.startsWith('node:') || !target.startsWith('.'))
  expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
  for (const name of readdirSync('nodes', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')))
    expect(readFileSync(join('nodes', name), 'utf8')).not.toMatch(/\b(fetch|Math\.random|Date\.now)\(/)
})

test('the server answers before anything heavy is loaded: tensors, networks and codecs are other processes’ business', () => {
  const reached = new Set([join('server', 'main.ts')])
  const packages = new Map<string, string>()
  for (const from of reached)
    for (const { target, isType, isLater } of importsIn(from)) {
      if (isType || isLater) continue
      if (target.startsWith('.')) reached.add(join(from, '..', target))
      else packages.set(target, from)
    }
  expect([...packages.keys()]).toContain('express')
  for (const heavy of ['@tensorflow/tfjs-core', 'onnxruntime-node', 'sharp', '@resvg/resvg-js'])
    expect(`${heavy}: ${packages.get(heavy)}`).toBe(`${heavy}: undefined`)
})
