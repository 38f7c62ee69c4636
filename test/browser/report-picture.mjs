/**
 * Takes a picture of a report's page for docs: node test/browser/report-picture.mjs <page.html> <picture.png> [heading] [height]
 * From the heading of that name on, or from the top. Uses Debian's Chromium or $CHROMIUM.
 */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const [page, picture, heading, height = '1000'] = process.argv.slice(2)
if (!picture) throw new Error('wanted a page and a picture: report-picture.mjs <page.html> <picture.png> [heading] [height]')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
try {
  const tab = await browser.newPage({
    viewport: { width: 1100, height: Number(height) },
    colorScheme: process.env.SCHEME ?? 'light',
  })
  await tab.goto(pathToFileURL(path.resolve(page)).href)
  const top = heading ? tab.locator('h1, h2, h3, figcaption', { hasText: heading }).first() : tab.locator('h1').first()
  const { y } = await top.boundingBox()
  const full = await tab.evaluate(() => document.documentElement.scrollHeight)
  const from = Math.max(0, y - 16)
  await tab.screenshot({
    path: picture,
    fullPage: true,
    clip: { x: 0, y: from, width: 1100, height: Math.min(Number(height), full - from) },
  })
} finally {
  await browser.close()
}
