/** No text becomes code (spec/reliability.md 1.3): not in what we write, not in what the server loads, not in the page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { strictPolicy } from '../server/page.ts'

const house = path.join(__dirname, '..')
const rooms = ['model', 'engine', 'analysis', 'nodes', 'workflows', 'server', 'train', 'cli', 'bench', 'editor']
/** Ways from text to code. `Function(` with a capital is the constructor; methods called so are not meant. */
const makesCode =
  /(?<![\w$.])(?:eval|Function)\s*\(|\bnew\s+Function\b|(?<!\w)import\s*\(\s*['"`]data:|setTimeout\(\s*['"`]|\bvm\.(?:run|compile|Script)/

const filesBelow = (folder: string, accept: (name: string) => boolean): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && accept(entry.name) && !entry.parentPath.slice(folder.length).includes('node_modules'))
    .map(entry => path.join(entry.parentPath, entry.name))

/** The code without its comments and texts, which may speak of it. */
const bare = (code: string) =>
  code.replace(/\/\*[\s\S]*?\*\/|(?<![:\\'"`])\/\/[^\n]*/g, '').replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")

test('the law sees what it should see', () => {
  for (const code of [
    'eval(x)',
    'new Function("a", x)',
    'Function(x)',
    'import("data:text/javascript,1")',
    'vm.runInNewContext(x)',
  ])
    expect(makesCode.test(code)).toBe(true)
  for (const code of ['model.eval()', 'const retrieval = (x)', 'isFunction(x)', 'a.Function(x)'])
    expect(makesCode.test(code)).toBe(false)
})

test.each(rooms)('%s turns no text into code', room => {
  const files = filesBelow(path.join(house, room), name => /\.(ts|tsx|mjs|js)$/.test(name))
  expect(files.length).toBeGreaterThan(0)
  const found = files.filter(file => makesCode.test(bare(readFileSync(file, 'utf8'))))
  expect(found.map(file => path.relative(house, file))).toEqual([])
})

test('the packages that read what comes from outside turn no text into code', () => {
  const names = [
    'express',
    'ws',
    'multer',
    'zod',
    'yauzl',
    'sharp',
    '@tensorflow/tfjs-core',
    '@tensorflow/tfjs-backend-cpu',
    'onnxruntime-node',
  ]
  for (const name of names) {
    const folder = path.join(house, 'node_modules', name)
    const files = filesBelow(folder, file => /\.(js|cjs|mjs)$/.test(file) && !/\.(min|test)\./.test(file)).filter(
      file => !/[\\/](test|tests|scripts|src|benchmark)[\\/]|_test\.js$/.test(file.slice(folder.length)),
    )
    expect([name, files.length > 0]).toEqual([name, true])
    const found = files.filter(file => makesCode.test(bare(readFileSync(file, 'utf8'))))
    expect([name, found.map(file => path.relative(folder, file))]).toEqual([name, []])
  }
})

const built = path.join(house, 'dist/editor/assets')
const whenBuilt = existsSync(built) ? test : test.skip
whenBuilt("of the page, only litegraph's own code makes code of text, which the page's policy forbids", async () => {
  const scripts = filesBelow(built, name => name.endsWith('.js')).map(file => readFileSync(file, 'utf8'))
  const count = scripts.reduce((sum, code) => sum + (code.match(/(?<![\w$.])eval\(|new Function\(/g)?.length ?? 0), 0)
  const litegraph = readFileSync(path.join(house, 'node_modules/litegraph.js/dist/litegraph.es.js'), 'utf8')
  expect(count).toBeLessThanOrEqual(litegraph.match(/(?<![\w$.])eval\(|new Function\(/g)?.length ?? 0)
  const policy = strictPolicy('127.0.0.1:8188')
  expect(policy).toContain("script-src 'self';")
  expect(policy).not.toContain('unsafe-eval')
})
