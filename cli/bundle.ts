import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeError, Failure } from './failure.ts'
import { findHouse } from './house.ts'

/**
 * `npm run bundle [-- --out dist-bundle --archive --checkpoint file]`: a folder for linux-x64 that runs where there is neither
 * npm nor Node: this Node binary, the compiled code, the packages that code really imports with their native parts, the
 * shipped workflows and checkpoints, and a launcher.
 */
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist-bundle' },
    archive: { type: 'boolean', default: false },
    checkpoint: { type: 'string' },
  },
})

const launcher = `#!/bin/sh
# Patronus Nodes, with its own Node. Everything it needs lies in this folder.
self=$0
[ -L "$self" ] && self=$(readlink -f "$self")
case $self in */*) here=\${self%/*} ;; *) here=. ;; esac
exec "$here/bin/node" "$here/dist/cli/main.js" "$@"
`

/** What no program reads at run time. Licences stay: they have to travel with the code. */
const isLicence = (name: string) => /^(licen[cs]e|notice|copying|thirdpartynotices)/i.test(name)
const isNeeded = (file: string): boolean =>
  isLicence(path.basename(file)) || !/\.(map|[mc]?ts|flow|md|markdown|tsbuildinfo)$/i.test(file)

/** Parts of packages that belong to other systems or other kinds of builds. */
const leftOut: Readonly<Record<string, (inside: string) => boolean>> = {
  'onnxruntime-node': file => file.startsWith('bin/') && !/^bin\/napi-v\d+\/linux\/x64\//.test(file),
  '@tensorflow/tfjs-core': file => file.startsWith('dist/') && file !== 'dist/tf-core.node.js',
  '@tensorflow/tfjs-backend-cpu': file => file.startsWith('dist/') && file !== 'dist/tf-backend-cpu.node.js',
}

async function bundle(house: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Failure(`the bundle is for linux-x64 and holds this machine's Node; this is ${process.platform}-${process.arch}`)
  const out = path.resolve(values.out)
  if (existsSync(out) && !existsSync(path.join(out, 'patronus')))
    throw new Failure(`${out} exists and is no bundle; give another folder with --out`)
  await rm(out, { recursive: true, force: true })
  await mkdir(path.join(out, 'bin'), { recursive: true })
  await copyFile(await realpath(process.execPath), path.join(out, 'bin/node'))
  await copyTree(path.join(house, 'dist'), path.join(out, 'dist'), isNeeded)
  const packages = await closure(house, await imported(path.join(house, 'dist')))
  for (const name of packages) {
    const omit = leftOut[name] ?? (() => false)
    await copyTree(
      path.join(house, 'node_modules', name),
      path.join(out, 'node_modules', name),
      file => isNeeded(file) && !omit(file),
    )
  }
  await copyTree(path.join(house, 'workflows'), path.join(out, 'workflows'), file => !file.endsWith('.ts'))
  const checkpoints = await takeCheckpoints(house, out)
  for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md'])
    if (existsSync(path.join(house, name))) await copyFile(path.join(house, name), path.join(out, name))
  const { name, version, license, type } = JSON.parse(await readFile(path.join(house, 'package.json'), 'utf8')) as Record<
    string,
    string
  >
  await writeFile(path.join(out, 'package.json'), `${JSON.stringify({ name, version, license, type, private: true }, null, 2)}\n`)
  await writeFile(path.join(out, 'patronus'), launcher)
  await chmod(path.join(out, 'patronus'), 0o755)
  say(
    `${out}: ${megabytes(await sizeOf(out))}; Node ${process.version} ${megabytes(await sizeOf(path.join(out, 'bin')))}, ${packages.length} packages ${megabytes(await sizeOf(path.join(out, 'node_modules')))}, ${checkpoints || 'no'} checkpoints`,
  )
  if (values.archive) await archive(out)
}

async function takeCheckpoints(house: string, out: string): Promise<number> {
  const shipped = path.join(house, 'checkpoints')
  const to = path.join(out, 'checkpoints')
  await mkdir(to, { recursive: true })
  if (existsSync(shipped)) await cp(shipped, to, { recursive: true })
  if (values.checkpoint !== undefined) await copyFile(values.checkpoint, path.join(to, path.basename(values.checkpoint)))
  return (await readdir(to)).filter(name => name.endsWith('.safetensors')).length
}

/** The packages that compiled server-side code names; the page is already one file. */
async function imported(dist: string): Promise<Set<string>> {
  const found = new Set<string>()
  for (const file of await filesBelow(dist)) {
    if (!file.endsWith('.js') || file.startsWith('editor/')) continue
    const code = await readFile(path.join(dist, file), 'utf8')
    for (const [, name] of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'".][^'"]*)['"]/g))
      if (!isBuiltin(name)) found.add(packageOf(name))
  }
  return found
}

const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')

type Manifest = {
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly os?: string[]
  readonly cpu?: string[]
  readonly libc?: string[]
}

/** These packages and all that they depend on, as installed here; of optional ones those for linux-x64 with glibc. */
async function closure(house: string, roots: ReadonlySet<string>): Promise<string[]> {
  const found = new Set<string>()
  const waiting = [...roots].map(name => ({ name, within: '' }))
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const place = locate(house, next.name, next.within)
    if (!place || found.has(place)) continue
    const manifest = JSON.parse(await readFile(path.join(house, 'node_modules', place, 'package.json'), 'utf8')) as Manifest
    if (!fits(manifest.os, 'linux') || !fits(manifest.cpu, 'x64') || !fits(manifest.libc, 'glibc')) continue
    found.add(place)
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))
      waiting.push({ name, within: place })
  }
  // A package inside another one is copied with it.
  return [...found].filter(place => ![...found].some(other => place.startsWith(`${other}/node_modules/`))).sort()
}

const fits = (wanted: readonly string[] | undefined, have: string): boolean => !wanted || wanted.includes(have)

/** Where Node would find a package from inside another one: nested first, then further out; below node_modules. */
function locate(house: string, name: string, within: string): string | undefined {
  const nested = within ? `${within}/node_modules/${name}` : name
  if (existsSync(path.join(house, 'node_modules', nested, 'package.json'))) return nested
  return within ? locate(house, name, within.slice(0, Math.max(0, within.lastIndexOf('/node_modules/')))) : undefined
}

/** Names of all files below a folder, with `/`. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => path.relative(folder, path.join(entry.parentPath, entry.name)))
}

async function copyTree(from: string, to: string, wanted: (file: string) => boolean): Promise<void> {
  for (const file of (await filesBelow(from)).filter(wanted)) {
    await mkdir(path.dirname(path.join(to, file)), { recursive: true })
    await copyFile(path.join(from, file), path.join(to, file))
  }
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0
  for (const file of await filesBelow(folder)) sum += (await stat(path.join(folder, file))).size
  return sum
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
const say = (line: string) => void process.stdout.write(`${line}\n`)

/** `<out>.tar.xz`, by the system's tar. */
async function archive(out: string): Promise<void> {
  const file = `${out}.tar.xz`
  const { status, error } = spawnSync('tar', ['-C', path.dirname(out), '-cJf', file, path.basename(out)], {
    stdio: 'inherit',
    env: { ...process.env, XZ_OPT: '-6 -T0' },
  })
  if (status !== 0) throw new Failure(`tar could not write ${file}${error ? ` (${error.message})` : ''}`)
  say(`${file}: ${megabytes((await stat(file)).size)}`)
}

try {
  await bundle(findHouse(fileURLToPath(import.meta.url)))
} catch (error) {
  process.stderr.write(`error: ${describeError(error)}\n`)
  process.exitCode = error instanceof Failure ? error.code : 1
}
