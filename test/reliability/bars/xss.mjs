import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { request, upload, withServer } from '../house.mjs'

const shout = 'window.pwned && window.pwned(location.href)'
const html = `<!doctype html><title>x</title><script>${shout}</script><img src=x onerror="${shout}">`
const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="${shout}"><script>${shout}</script><foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="${shout}"/></foreignObject></svg>`
const xhtml = `<html xmlns="http://www.w3.org/1999/xhtml"><head><script>${shout}</script></head><body onload="${shout}"/></html>`
const xslt = `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="data:text/xml,%3Cx/%3E"?>${xhtml}`

/** Files that would act if a browser opened them. */
async function active() {
  const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  const jpeg = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer()
  return {
    'a.html': html,
    'b.htm': html,
    'c.xhtml': xhtml,
    'd.svg': svg,
    'e.SVG': svg,
    'f.xml': xslt,
    'g.js': shout,
    'h.mjs': shout,
    'i.shtml': html,
    'j.mht': `MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n${html}`,
    'k.pdf': `%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(${shout})>>>>endobj`,
    noextension: html,
    'l.png': html,
    'm.jpg': html,
    'n.webp': svg,
    'o.gif': `GIF89a/*${'x'.repeat(8)}*/=1;${html}`,
    'p.avif': html,
    'q.png.html': Buffer.concat([png, Buffer.from(html)]),
    'r.png': Buffer.concat([png, Buffer.from(html)]),
    's.jpeg': Buffer.concat([jpeg, Buffer.from(html)]),
    't.txt': html,
    'u.json': html,
    'v.css': '@import "javascript:alert(1)"',
    'w.wasm': html,
  }
}
const inline = new Set(['.png', '.jpg', '.jpeg', '.webp', '.gif', '.avif'])

export default {
  number: 7,
  name: 'stored XSS',
  wanted: '20 active files: 0 script runs in Chromium, headers on each',
  run: ({ quick }) =>
    withServer({}, async server => {
      const files = await active()
      const home = path.join(server.data, 'output')
      await mkdir(home, { recursive: true })
      const wrong = []
      const urls = []
      for (const [name, bytes] of Object.entries(files)) {
        await writeFile(path.join(home, name), bytes)
        for (const place of [name, `workflows%2F${name}`])
          await request(server, 'POST', `/userdata/${place}`, { body: Buffer.from(bytes) })
        const sent = await upload(server, Buffer.from(bytes), name)
        // Only what a decoder takes for a picture is kept.
        if (sent.status === 200 && !/^(q|r|s)\./.test(name)) wrong.push(`${name} was taken as an upload`)
        urls.push(
          `/view?filename=${name}`,
          `/view?filename=${name}&preview=webp`,
          `/view?filename=${name}&type=input`,
          `/userdata/${name}`,
          `/userdata/workflows%2F${name}`,
          `/patronus/saved/${name}/versions/1`,
          `/api/view?filename=${name}&channel=rgb`,
        )
      }
      for (const url of urls) {
        const { status, headers } = await request(server, 'GET', url)
        if (status >= 500 || status === 0) wrong.push(`${url}: ${status}`)
        if (headers['x-content-type-options'] !== 'nosniff') wrong.push(`${url}: no nosniff`)
        const policy = headers['content-security-policy'] ?? ''
        if (!policy.includes("default-src 'none'")) wrong.push(`${url}: CSP ${policy}`)
        if (status !== 200) continue
        if (!policy.startsWith('sandbox;')) wrong.push(`${url}: not sandboxed`)
        const type = headers['content-type']
        const isShown = /^inline/.test(headers['content-disposition'] ?? '')
        if (isShown && !/^image\/(png|jpeg|webp|gif|avif)$/.test(type)) wrong.push(`${url}: inline ${type}`)
        const extension = path.extname(new URL(url, 'http://x').searchParams.get('filename') ?? '').toLowerCase()
        if (isShown && !inline.has(extension)) wrong.push(`${url}: shown inline`)
      }
      const runs = await browse(server, quick ? urls.filter((_, i) => i % 5 === 0 || i % 5 === 3) : urls)
      return {
        ok: wrong.length === 0 && (runs?.ran ?? 0) === 0 && (runs === undefined || runs.control === 1),
        figure: [
          ...wrong.slice(0, 5),
          `${Object.keys(files).length} files at ${urls.length} addresses`,
          runs
            ? `${runs.ran} scripts ran in ${runs.opened} openings (the control page ran ${runs.control})`
            : 'no Chromium here: headers only',
        ].join('; '),
        chromium: runs !== undefined,
      }
    }),
}

/** Opens each address in a browser, as a page and in a frame, and counts scripts that ran; undefined without a browser. */
async function browse(server, urls) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) return undefined
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const context = await browser.newContext({ acceptDownloads: false })
    const ran = []
    await context.exposeBinding('pwned', (_, href) => void ran.push(href))
    const page = await context.newPage()
    let dialogs = 0
    page.on('dialog', dialog => (dialogs++, void dialog.dismiss()))
    // That a script can be caught at all is shown first.
    await page.setContent(html)
    await page.waitForTimeout(200)
    const control = ran.length > 0 ? 1 : 0
    ran.length = 0
    for (const url of urls) {
      await page.goto(server.origin + url, { timeout: 5000 }).catch(() => {})
      await page.waitForTimeout(30)
    }
    await page.waitForTimeout(300)
    return { ran: ran.length + dialogs, opened: urls.length, control }
  } finally {
    await browser.close()
  }
}
