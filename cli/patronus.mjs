#!/usr/bin/env node
// The `patronus` command. The code is TypeScript; `npm run build` compiles it into dist/, and the first call does that by itself.
import { existsSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
if (!existsSync(`${root}dist/cli/main.js`)) {
  process.stderr.write('Building Patronus Nodes (once)…\n')
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}
await import(new URL('../dist/cli/main.js', import.meta.url).href)
