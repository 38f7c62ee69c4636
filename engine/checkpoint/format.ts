import { CheckpointError } from './error.ts'
import type { WeightFile } from './file.ts'

/** What a file is, told by its bytes; its name is never asked. */
export type Format = 'safetensors' | 'zip' | 'pickle' | 'legacy torch' | 'tar' | 'gzip' | 'unknown'

const legacyMagic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex')

/** `head`: the first 512 bytes, or all there are. */
function formatOf(head: Uint8Array): Format {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (bytes.toString('latin1', 0, 4) === 'PK\x03\x04') return 'zip'
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
    return bytes.subarray(2, 14).equals(legacyMagic) ? 'legacy torch' : 'pickle'
  if (bytes[8] === 0x7b && bytes.readBigUInt64LE() < 2n ** 40n) return 'safetensors'
  if (bytes.toString('latin1', 257, 262) === 'ustar') return 'tar'
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? 'gzip' : 'unknown'
}

const named: { readonly [F in Format]: string } = {
  safetensors: 'a .safetensors file',
  zip: 'a zip archive, as torch.save writes since PyTorch 1.6',
  pickle: 'a Python pickle',
  'legacy torch': 'a file written by PyTorch before 1.6',
  tar: 'a tar archive (PyTorch before 0.4 wrote these)',
  gzip: 'a gzip-compressed file',
  unknown: 'bytes of no known format',
}

const resave = 'Load it with a newer PyTorch and save it again: torch.save(torch.load(path, map_location="cpu"), new_path).'
const remedies: { readonly [F in Format]: string } = {
  safetensors: 'Open it as a checkpoint; only PyTorch files are imported.',
  zip: 'If it holds the authors’ ckpt.tar or a .pt file, import it: `patronus import`. An archive of several files has to be unpacked first.',
  pickle: 'Give the weight file itself, not its config.pickle.',
  'legacy torch': resave,
  tar: resave,
  gzip: 'Unpack it first.',
  unknown: 'Check that the download is complete and is the weight file itself.',
}

/** The format of an open file. */
export async function detect(file: WeightFile): Promise<Format> {
  const head = new Uint8Array(Math.min(512, file.size))
  await file.read(head, 0)
  return formatOf(head)
}

/** Throws unless the file starts like one of format `wanted`, and says what it is instead. */
export async function sniff(file: WeightFile, wanted: Format): Promise<void> {
  const found = await detect(file)
  if (found !== wanted)
    throw new CheckpointError(file.path, { wanted: named[wanted], got: named[found], remedy: remedies[found] })
}
