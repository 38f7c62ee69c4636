import { crc32 } from 'node:zlib'
import yauzl from 'yauzl'
import { CheckpointError, quote } from './error.ts'
import type { WeightFile } from './file.ts'

/** An archive whose entries are stored as they are: their sizes are what the file really holds. */
export type Archive = {
  /** Bytes of every entry, by name. */
  readonly sizes: ReadonlyMap<string, number>
  /** The bytes of one entry, in a buffer of their own; undefined when there is no such entry. */
  read(name: string): Promise<Uint8Array | undefined>
}

const maxEntries = 200_000

/** Lets yauzl read through our own bounded reads; a position no file has is an error, not an exception. */
class FileReader extends yauzl.RandomAccessReader {
  private readonly file: WeightFile

  constructor(file: WeightFile) {
    super()
    this.file = file
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (!(position >= 0 && position + length <= this.file.size))
      return void setImmediate(callback, new Error(`an offset ${position} beyond the end`))
    this.file.read(buffer.subarray(offset, offset + length), position).then(
      () => setImmediate(callback, null, length),
      error => setImmediate(callback, error),
    )
  }
}

function check(file: WeightFile, entry: yauzl.Entry, known: ReadonlyMap<string, unknown>): void {
  const refuse = (wanted: string, got: string): never => {
    throw new CheckpointError(file.path, { wanted: `entry ${quote(entry.fileName)} ${wanted}`, got })
  }
  if (entry.isEncrypted()) refuse('to be readable', 'an encrypted one')
  if (entry.compressionMethod !== 0)
    refuse('to be stored, as torch.save stores it', `compression method ${entry.compressionMethod}`)
  if (entry.compressedSize !== entry.uncompressedSize || entry.uncompressedSize > file.size)
    refuse('of a size that fits the file', `${entry.uncompressedSize} bytes in ${entry.compressedSize} of a file of ${file.size}`)
  if (known.has(entry.fileName)) refuse('once', 'it twice')
  if (known.size >= maxEntries) refuse(`among at most ${maxEntries}`, 'more')
}

async function readEntries(file: WeightFile, zip: yauzl.ZipFile): Promise<Map<string, yauzl.Entry>> {
  const entries = new Map<string, yauzl.Entry>()
  for await (const entry of zip.eachEntry()) {
    check(file, entry, entries)
    entries.set(entry.fileName, entry)
  }
  return entries
}

/** Bytes of a stored entry. The checksum is compared where the writer recorded one (torch can be told not to). */
async function readEntry(file: WeightFile, zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Uint8Array> {
  const local = await zip.readLocalFileHeaderPromise(entry)
  if (local.compressionMethod !== 0 || !local.fileName.equals(entry.fileNameRaw))
    throw new CheckpointError(file.path, {
      wanted: `entry ${quote(entry.fileName)} to be described alike in both places`,
      got: 'two descriptions',
    })
  const bytes = new Uint8Array(entry.uncompressedSize)
  await file.read(bytes, local.fileDataStart)
  const sum = crc32(bytes)
  if (entry.crc32 !== 0 && sum !== entry.crc32)
    throw new CheckpointError(file.path, {
      wanted: `checksum ${hex(entry.crc32)} of entry ${quote(entry.fileName)}`,
      got: hex(sum),
    })
  return bytes
}

const hex = (n: number): string => n.toString(16).padStart(8, '0')

/** Lists a zip archive of stored entries. Names with `..`, absolute names, duplicates and compression are refused. */
export async function readArchive(file: WeightFile): Promise<Archive> {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof CheckpointError) throw error
      throw new CheckpointError(
        file.path,
        { wanted: 'a sound zip archive', got: quote((error as Error).message) },
        { cause: error },
      )
    }
  }
  const options = { autoClose: false, lazyEntries: true, strictFileNames: true, decodeStrings: true, validateEntrySizes: true }
  const zip = await guarded(() => yauzl.fromRandomAccessReaderPromise(new FileReader(file), file.size, options))
  const entries = await guarded(() => readEntries(file, zip))
  return {
    sizes: new Map([...entries].map(([name, { uncompressedSize }]) => [name, uncompressedSize])),
    read: async name => {
      const entry = entries.get(name)
      return entry && guarded(() => readEntry(file, zip, entry))
    },
  }
}
