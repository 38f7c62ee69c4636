import sharp from 'sharp'
import { each, isWell, percentile, round, upload, withServer } from '../house.mjs'
import { random } from '../random.mjs'

async function seeds() {
  const noise = Buffer.from(Array.from({ length: 48 * 40 * 4 }, (_, i) => (i * 2654435761) >>> 24))
  const of = channels => sharp(noise.subarray(0, 48 * 40 * channels), { raw: { width: 48, height: 40, channels } })
  return Promise.all([
    of(3).png().toBuffer(),
    of(4).png({ palette: true }).toBuffer(),
    of(4).png({ progressive: true }).toBuffer(),
    of(1).toColourspace('b-w').png().toBuffer(),
    of(3).toColourspace('rgb16').png().toBuffer(),
    of(3).jpeg().toBuffer(),
    of(3).jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    of(3).webp().toBuffer(),
    of(4).webp({ lossless: true }).toBuffer(),
    of(4).webp({ quality: 30, alphaQuality: 10 }).withMetadata().toBuffer(),
  ])
}

/** A copy with some bytes changed, cut out, doubled, or cut off. */
function mutated(bytes, next) {
  let out = Buffer.from(bytes)
  const at = () => Math.floor(next() * out.length)
  for (let i = Math.ceil(next() * 6); i > 0; i--) {
    const [from, length] = [at(), Math.ceil(next() * 32)]
    const how = Math.floor(next() * 6)
    if (how === 0) out[from] ^= 1 << Math.floor(next() * 8)
    else if (how === 1) out[from] = [0, 255, 127, 128][Math.floor(next() * 4)]
    else if (how === 2) out = Buffer.concat([out.subarray(0, from), out.subarray(from + length)])
    else if (how === 3) out = Buffer.concat([out.subarray(0, from + length), out.subarray(from)])
    else if (how === 4 && from + 4 < out.length) out.writeUInt32BE(Math.floor(next() * 2 ** 32), from)
    else out = out.subarray(0, Math.max(1, at()))
  }
  return out.length > 0 ? out : Buffer.from([0])
}

export default {
  number: 9,
  name: 'malformed images',
  wanted: '1,000 mutated PNG, JPEG, WebP: 0 crashes, 0 answers slower than 5 s, each accepted or 4xx',
  run: ({ quick, seed }) =>
    withServer({ real: true }, async server => {
      const next = random(seed)
      const originals = await seeds()
      const files = Array.from({ length: quick ? 100 : 1000 }, (_, i) => mutated(originals[i % originals.length], next))
      const times = []
      const counts = {}
      const wrong = []
      await each(files, 2, async (bytes, i) => {
        const { status, ms, error } = await upload(
          server,
          bytes,
          `m${i}.${['png', 'png', 'png', 'png', 'png', 'jpg', 'jpg', 'webp', 'webp', 'webp'][i % 10]}`,
        )
        times.push(ms)
        counts[status] = (counts[status] ?? 0) + 1
        if (!(status === 200 || (status >= 400 && status < 500)) || ms > 5000)
          wrong.push(`file ${i} of seed ${seed}: ${status || error} in ${Math.round(ms)} ms`)
      })
      const trouble = await isWell(server)
      return {
        ok: wrong.length === 0 && !trouble && files.length === times.length,
        figure:
          trouble ??
          [
            ...wrong.slice(0, 5),
            `${files.length} files (seed ${seed}): ${Object.entries(counts)
              .map(([status, count]) => `${status} × ${count}`)
              .join(', ')}; slowest ${round(Math.max(...times))} ms, p99 ${round(percentile(times, 99))} ms`,
          ].join('; '),
        counts,
      }
    }),
}
