import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { growth, isWell, megabytes, request, round, runGraph, upload, withServer } from '../house.mjs'
import { blackPng, manyGif, manyWebp, svgBomb } from '../pictures.mjs'

const bombs = async () => ({
  '50,000² PNG of 1 bit': [blackPng(50_000, 50_000, { depth: 1, type: 0 }), 'png'],
  '16,383² RGBA PNG': [blackPng(16_383, 16_383), 'png'],
  '8,192² RGBA PNG of 16 bits, interlaced': [blackPng(8192, 8192, { depth: 16, interlaced: true }), 'png'],
  'GIF of 10,000 frames': [manyGif(10_000), 'gif'],
  'WebP of 10,000 frames': [await manyWebp(10_000, 64, 64), 'webp'],
  'WebP of 10,000 frames of 16,383²': [await manyWebp(10_000, 16_383, 16_383), 'webp'],
  'SVG of a billion letters': [svgBomb(), 'svg'],
  'SVG that calls itself PNG': [svgBomb(), 'png'],
})

export default {
  number: 8,
  name: 'image bombs',
  wanted: 'each 413 or 415 in < 1 s, memory of all processes +< 100 MB, by upload, LoadImage and view',
  run: ({ slack }) =>
    withServer({ real: true }, async server => {
      const input = path.join(server.data, 'input')
      await mkdir(input, { recursive: true })
      const harmless = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
        .png()
        .toBuffer()
      await writeFile(path.join(input, 'harmless.png'), harmless)
      const load = image => ({
        1: { class_type: 'LoadImage', inputs: { image } },
        2: { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      })
      // The processes that decode are there before anything is measured.
      await Promise.all([1, 2, 3].map(() => upload(server, harmless, 'harmless.png')))
      const first = await runGraph(server, load('harmless.png'))
      const wrong =
        first.status?.status_str === 'success' ? [] : [`a harmless picture failed: ${JSON.stringify(first).slice(0, 300)}`]
      let most = 0
      let slowest = 0
      const note = (what, { grown, ms }, fault) => {
        most = Math.max(most, grown)
        slowest = Math.max(slowest, ms)
        if (fault || ms > 1000 * slack || grown > 100 << 20)
          wrong.push(`${what}: ${fault || ''} ${Math.round(ms)} ms, +${megabytes(grown)} MB`)
      }
      for (const [name, [bytes, extension]] of Object.entries(await bombs())) {
        const sent = await growth(server, () => upload(server, bytes, `bomb.${extension}`))
        note(
          `upload of ${name}`,
          { grown: sent.grown, ms: sent.value.ms },
          [413, 415].includes(sent.value.status) ? '' : `status ${sent.value.status}`,
        )
        // Put there by other means, it is read by a graph and by the page.
        await writeFile(path.join(input, `bomb.${extension}`), bytes)
        const began = performance.now()
        const ran = await growth(server, () => runGraph(server, load(`bomb.${extension}`)))
        const isRefused = ran.value.status?.status_str === 'error' || ran.value.refused === 400
        note(
          `LoadImage of ${name}`,
          { grown: ran.grown, ms: performance.now() - began },
          isRefused ? '' : `it ran: ${JSON.stringify(ran.value).slice(0, 200)}`,
        )
        for (const form of ['preview=webp', 'channel=rgb']) {
          const shown = await growth(server, () => request(server, 'GET', `/view?filename=bomb.${extension}&type=input&${form}`))
          // What is no picture by its name is only ever sent as it lies there.
          const good = extension === 'svg' ? shown.value.status === 200 : [413, 415].includes(shown.value.status)
          note(`view of ${name}, ${form}`, { grown: shown.grown, ms: shown.value.ms }, good ? '' : `status ${shown.value.status}`)
        }
      }
      const after = await runGraph(server, load('harmless.png'))
      if (after.status?.status_str !== 'success') wrong.push('a harmless picture failed afterwards')
      const trouble = await isWell(server)
      return {
        ok: wrong.length === 0 && !trouble,
        figure:
          trouble ??
          [...wrong.slice(0, 8), `8 bombs × 4 ways: slowest ${round(slowest)} ms, memory +${megabytes(most)} MB at most`].join(
            '; ',
          ),
        slowest: round(slowest),
        grown: megabytes(most),
      }
    }),
}
