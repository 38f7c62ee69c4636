import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import ts from 'typescript'
import { isBuilt, start, type Started } from './cli-process.ts'

/** docs/driving.md as a reader would use it: each example is copied out, run against a real server, and has to bring a picture. */

const root = path.join(__dirname, '..')

type Example = {
  readonly tool: string
  readonly file: string
  readonly prepare: (source: string) => string
  readonly probe: readonly string[]
}
const examples: Readonly<Record<string, Example>> = {
  bash: { tool: 'bash', file: 'curl.sh', prepare: source => `set -eu\n${source}`, probe: ['curl', '--version'] },
  ts: { tool: process.execPath, file: 'typescript.mjs', prepare: stripped, probe: [process.execPath, '--version'] },
  python: { tool: 'python3', file: 'python.py', prepare: source => source, probe: ['python3', '--version'] },
}
const pictures: Readonly<Record<string, string>> = { bash: 'curl.png', ts: 'typescript.png', python: 'python.png' }

const missing = (probe: readonly string[]) => spawnSync(probe[0], probe.slice(1)).status !== 0

const whenBuilt = isBuilt ? describe : describe.skip
if (!isBuilt) console.warn('test/driving.test.ts is skipped: dist/ is missing; `npm test` builds it')

whenBuilt('docs/driving.md', () => {
  let folder: string
  let server: Started
  let address: string
  let blocks: (readonly [language: string, source: string])[]

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-driving-'))
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    const text = await readFile(path.join(root, 'docs/driving.md'), 'utf8')
    blocks = [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, source]) => [language, source])
    server = start(folder, ['serve', '--port', '0', '--device', 'cpu'])
    const died = server.ended.then(({ err }) => Promise.reject(new Error(err)))
    died.catch(() => {})
    const ready = async () => {
      while (!/Ready/.test(server.said())) await new Promise(resolve => setTimeout(resolve, 50))
    }
    await Promise.race([ready(), died])
    address = /is at (http:\S+?)\/?\s/.exec(server.said())![1]
  }, 120_000)
  afterAll(async () => {
    server.signal('SIGTERM')
    await server.ended
    await rm(folder, { recursive: true, force: true })
  })

  test('has one example in each language, and no block that nobody runs', () =>
    expect(blocks.map(([language]) => language)).toEqual(Object.keys(examples)))

  for (const [language, { tool, file, prepare, probe }] of Object.entries(examples)) {
    const absent = missing(probe)
    if (absent) console.warn(`the ${language} example of docs/driving.md is skipped: ${probe[0]} is not installed`)
    ;(absent ? test.skip : test)(
      `its ${language} example runs and saves a picture`,
      async () => {
        const [, source] = blocks.find(([name]) => name === language)!
        await writeFile(path.join(folder, file), prepare(source))
        const { code, out, err } = await run(tool, file)
        expect({ code, err, out: out.trim().split('\n').at(-1) }).toEqual({
          code: 0,
          err: '',
          out: `saved ${pictures[language]}`,
        })
        const { width, height } = await sharp(path.join(folder, pictures[language])).metadata()
        expect([width, height]).toEqual([64, 64])
        if (language === 'ts') expect(out).toMatch(/node \d+: 5 of 5/)
      },
      120_000,
    )
  }

  const run = (tool: string, file: string) =>
    new Promise<{ code: number | null; out: string; err: string }>(resolve => {
      const child = spawn(tool, [file], {
        cwd: folder,
        env: { ...process.env, PATRONUS: address, no_proxy: '*', NODE_NO_WARNINGS: '1' },
      })
      let [out, err] = ['', '']
      child.stdout.on('data', (data: Buffer) => (out += data.toString()))
      child.stderr.on('data', (data: Buffer) => (err += data.toString()))
      child.on('close', code => resolve({ code, out, err }))
    })
})

/** The TypeScript example as Node 20 runs it; what its types say is checked by tsc first. */
function stripped(source: string): string {
  const file = path.join(root, 'docs/driving-example.mts')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = name => name === file || fileExists(name)
  host.getSourceFile = (name, target, ...more) =>
    name === file ? ts.createSourceFile(name, source, target) : getSourceFile(name, target, ...more)
  const faults = ts.getPreEmitDiagnostics(ts.createProgram([file], options, host))
  if (faults.length)
    throw new Error(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')).join('\n'))
  return ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
    .outputText
}
