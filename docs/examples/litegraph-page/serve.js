/** Hands out this folder and litegraph, both lines of it (?litegraph=0.7): `node serve.js [port]`. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const folderOf = name => path.dirname(fileURLToPath(import.meta.resolve(name)))
const litegraph = folderOf('litegraph.js')
const files = {
  '/': path.join(here, 'index.html'),
  '/page.js': path.join(here, 'page.js'),
  '/litegraph.js': path.join(here, 'litegraph.js'),
  '/litegraph.es.js': path.join(litegraph, 'litegraph.es.js'),
  '/litegraph.css': path.join(litegraph, 'css', 'litegraph.css'),
  '/litegraph-0.7.js': path.join(folderOf('litegraph-classic'), 'litegraph.js'),
}
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css' }

const server = createServer(async (request, response) => {
  const file = files[new URL(request.url, 'http://page').pathname]
  const bytes = file && (await readFile(file).catch(() => undefined))
  if (!bytes) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': types[path.extname(file)] }).end(bytes)
})
server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`
  process.stdout.write(`The page is at ${origin}/\nStart Patronus with: patronus serve --allow-origin ${origin}\n`)
})
