/**
 * Takes the README's pictures from the real page: node test/browser/pictures.mjs [folder] (after npm run build).
 * Uses the shipped checkpoint, and Debian's Chromium or $CHROMIUM.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'

const out = process.argv[2] ?? 'docs/images'
await mkdir(out, { recursive: true })
const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-pictures-'))
const server = spawn(process.execPath, ['cli/patronus.mjs', 'serve', '--port', '0', '--data', data], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const url = await new Promise((resolve, reject) => {
  let text = ''
  server.stdout.on('data', chunk => {
    text += chunk
    const found = /http:\/\/\S+/.exec(text)
    if (found) resolve(found[0])
  })
  server.once('exit', () => reject(new Error(`the server stopped: ${text}`)))
})
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
const idle = () => page.waitForFunction(() => document.querySelector('.button.stop') === null, undefined, { timeout: 300_000 })
const shot = name => page.screenshot({ path: path.join(out, `${name}.png`) })
const page = await browser.newPage({ viewport: { width: 1360, height: 800 }, colorScheme: 'dark' })

async function open(words) {
  await page.locator('canvas').first().focus()
  await page.keyboard.press('w')
  await page.locator('dialog input').fill(words)
  await page.locator('dialog .card').first().click()
  await page.waitForSelector('dialog', { state: 'detached' })
  await page.waitForTimeout(600)
}
async function run() {
  await page.keyboard.press('Control+Enter')
  await page.waitForSelector('.button.stop')
}

try {
  await page.goto(url)
  await page.waitForSelector('.bank-row')
  await page.waitForTimeout(800)
  await run()
  await idle()
  await page.waitForTimeout(800)
  await shot('editor')
  for (const [words, name] of [
    ['stands for', 'visualize'],
    ['appears', 'emergence'],
    ['invent', 'prior'],
    ['rebuild', 'reconstruct'],
  ]) {
    await open(words)
    await run()
    await idle()
    await page.waitForTimeout(800)
    await shot(name)
  }
} finally {
  await browser.close()
  server.kill('SIGTERM')
  await rm(data, { recursive: true, force: true })
}
