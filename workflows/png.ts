/**
 * Graphs inside PNG files, where ComfyUI and this program put them: text chunks `prompt` and `workflow` (spec/comfyui.md 4.1, 4.2).
 * Bytes in, bytes out; PNG specification (third edition), sections 5 and 11.3.3. Compressed text chunks are left unread.
 */
import { withoutNaN } from './json.ts'
import { GraphError } from './types.ts'

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** Longest text read, in bytes: far above any graph. */
const maxText = 16 << 20

export const isPng = (bytes: Uint8Array): boolean => signature.every((byte, i) => bytes[i] === byte)

/** The file's text chunks by keyword, the first of each. Throws GraphError `invalid_png` when the file is damaged before its end. */
export function readPngText(bytes: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { type, data, isIntact } of chunks(bytes)) {
    if (type !== 'tEXt' && type !== 'iTXt') continue
    if (!isIntact) throw damaged(`a ${type} chunk fails its checksum`)
    if (data.length > maxText) throw damaged(`a ${type} chunk has ${data.length} bytes; at most ${maxText} are read`)
    const found = type === 'tEXt' ? latin1Text(data) : internationalText(data)
    if (found && !texts.has(found.keyword)) texts.set(found.keyword, found.text)
  }
  return texts
}

/** What a dropped picture holds: parsed JSON under `workflow` and `prompt`, still to be checked by `parseWorkflow` / `parsePrompt`. */
export function readPngGraph(bytes: Uint8Array): { workflow?: unknown; prompt?: unknown } {
  const texts = readPngText(bytes)
  const read = (keyword: string) => (texts.has(keyword) ? { [keyword]: parseLoose(texts.get(keyword) ?? '', keyword) } : {})
  return { ...read('workflow'), ...read('prompt') }
}

/** The same picture carrying `texts` (as JSON, escaped to ASCII); chunks of the same keywords are replaced. */
export function writePngGraph(bytes: Uint8Array, texts: Readonly<Record<string, unknown>>): Uint8Array {
  const kept: Uint8Array[] = []
  for (const { type, data, whole } of chunks(bytes)) {
    const keyword = type === 'tEXt' ? latin1Text(data)?.keyword : type === 'iTXt' ? internationalText(data)?.keyword : undefined
    if (keyword === undefined || !Object.hasOwn(texts, keyword)) kept.push(whole)
  }
  const added = Object.entries(texts).map(([keyword, value]) => chunk('tEXt', encodeAscii(`${keyword}\0${asciiJson(value)}`)))
  const [header, ...rest] = kept
  return join([Uint8Array.from(signature), header, ...added, ...rest])
}

/** The same picture with the text chunks of another PNG besides its own, byte by byte: also those whose meaning is not known here. */
export function copyPngText(from: Uint8Array, to: Uint8Array): Uint8Array {
  const texts = [...chunks(from)].filter(({ type }) => ['tEXt', 'zTXt', 'iTXt'].includes(type)).map(({ whole }) => whole)
  const [header, ...rest] = [...chunks(to)].map(({ whole }) => whole)
  return join([Uint8Array.from(signature), header, ...texts, ...rest])
}

/** JSON in plain ASCII, so that it is the same in Latin-1 and UTF-8: `é` → `\u00e9`. */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const damaged = (details: string): GraphError => new GraphError('invalid_png', 'The PNG file is damaged', details)

type Chunk = { type: string; data: Uint8Array; whole: Uint8Array; readonly isIntact: boolean }

function* chunks(bytes: Uint8Array): Generator<Chunk> {
  if (!isPng(bytes))
    throw new GraphError('invalid_png', 'This is not a PNG file', `it begins with ${[...bytes.subarray(0, 4)].join(', ')}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = signature.length
  for (;;) {
    if (at + 12 > bytes.length) throw damaged('it ends before its IEND chunk')
    const length = view.getUint32(at)
    const end = at + 12 + length
    if (end > bytes.length) throw damaged(`a chunk of ${length} bytes goes past its end`)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const [from, crcAt] = [at + 4, end - 4]
    yield {
      type,
      data: bytes.subarray(at + 8, crcAt),
      whole: bytes.subarray(at, end),
      // Only asked for text chunks: pixels are the decoder's business.
      get isIntact() {
        return crc32(bytes.subarray(from, crcAt)) === view.getUint32(crcAt)
      },
    }
    if (type === 'IEND') return
    at = end
  }
}

function latin1Text(data: Uint8Array): { keyword: string; text: string } | undefined {
  const split = data.indexOf(0)
  if (split < 1 || split > 79) return undefined
  const decode = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes)
  return { keyword: decode(data.subarray(0, split)), text: decode(data.subarray(split + 1)) }
}

/** keyword 0 | compressed? | method | language 0 | translated keyword 0 | UTF-8 text */
function internationalText(data: Uint8Array): { keyword: string; text: string } | undefined {
  const split = data.indexOf(0)
  const language = split < 1 ? -1 : data.indexOf(0, split + 3)
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1)
  if (translated < 0 || data[split + 1] !== 0) return undefined
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  return { keyword: decode(data.subarray(0, split)), text: decode(data.subarray(translated + 1)) }
}

function parseLoose(text: string, keyword: string): unknown {
  try {
    return JSON.parse(withoutNaN(text))
  } catch (error) {
    throw new GraphError('invalid_png', `The picture's "${keyword}" is not JSON`, (error as Error).message)
  }
}

const encodeAscii = (text: string): Uint8Array => Uint8Array.from(text, letter => letter.charCodeAt(0))

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 12)
  const view = new DataView(out.buffer)
  view.setUint32(0, data.length)
  out.set(encodeAscii(type), 4)
  out.set(data, 8)
  view.setUint32(out.length - 4, crc32(out.subarray(4, out.length - 4)))
  return out
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** CRC-32 (ISO 3309), one table entry a byte. */
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n >>> 0
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
