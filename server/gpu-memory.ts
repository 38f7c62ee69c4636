import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

/** Memory of one graphics card, of all programs together, bytes. */
export type GpuMemory = { readonly device: string; readonly used: number; readonly total: number }

/** What the system says of its graphics cards without any library of theirs; nothing of a card that does not say. */
export const gpuMemory = async (): Promise<GpuMemory[]> => [...(await nvidia()), ...(await amd())]

const run = promisify(execFile)

async function nvidia(): Promise<GpuMemory[]> {
  if (process.platform === 'linux' && !existsSync('/dev/nvidia0')) return []
  const query = ['--query-gpu=index,memory.used,memory.total', '--format=csv,noheader,nounits']
  return run('nvidia-smi', query, { timeout: 2000, killSignal: 'SIGKILL' }).then(
    ({ stdout }) => readNvidia(stdout),
    () => [],
  )
}

/** Lines of `index, used, total` in MiB; a card that hides them says [N/A]. */
export function readNvidia(text: string): GpuMemory[] {
  const rows = text.split('\n').map(line => /^(\d+), (\d+), (\d+)$/.exec(line.trim()))
  return rows.flatMap(row =>
    row ? [{ device: `nvidia${row[1]}`, used: Number(row[2]) * 2 ** 20, total: Number(row[3]) * 2 ** 20 }] : [],
  )
}

/** The Linux driver of AMD's cards writes it into files; `root` is where, for tests. */
export async function amd(root = '/sys/class/drm'): Promise<GpuMemory[]> {
  const cards = (await readdir(root).catch(() => [])).filter(name => /^card\d+$/.test(name))
  const found = await Promise.all(
    cards.map(async device => {
      const read = async (what: string) =>
        Number(await readFile(path.join(root, device, 'device', `mem_info_vram_${what}`), 'utf8').catch(() => NaN))
      const [used, total] = [await read('used'), await read('total')]
      return Number.isFinite(used) && total > 0 ? [{ device, used, total }] : []
    }),
  )
  return found.flat()
}
