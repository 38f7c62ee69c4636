import { statfs } from 'node:fs/promises'
import { BadRequest } from './problem.ts'

/** Space that is left for the results of the jobs that wait already, bytes. */
export const defaultMinimumFreeDisk = 512 << 20

export type Disk = {
  /** Bytes that are free where least are. */
  free(): Promise<number>
  /** Throws 507 when less is free than must be: a job is refused now rather than failed when its pictures are to be saved. */
  check(): Promise<void>
  readonly minimum: number
}

/** How long it holds that there is enough, ms: a disk does not fill much faster, and hundreds of graphs may come in a second. */
const holds = 200

/** The disks that `folders` lie on. */
export function createDisk(folders: readonly string[], minimum = defaultMinimumFreeDisk): Disk {
  let enoughUntil = 0
  const free = async () => {
    const found = await Promise.all(folders.map(folder => statfs(folder)))
    return Math.min(...found.map(({ bavail, bsize }) => bavail * bsize))
  }
  return {
    minimum,
    free,
    check: async () => {
      if (performance.now() < enoughUntil) return
      const left = await free()
      if (left < minimum)
        throw new BadRequest(
          'disk_full',
          `The disk of the server has ${megabytes(left)} free; it takes new graphs when ${megabytes(minimum)} are. Free some space and try again`,
          507,
        )
      enoughUntil = performance.now() + holds
    },
  }
}

const megabytes = (bytes: number) => `${Math.floor(bytes / (1 << 20))} MB`

/** Whether an error says that the disk, not the program, is at fault: what failed may work later. */
export const isDiskFault = (error: unknown): boolean =>
  /^(SQLITE_(FULL|IOERR|READONLY|BUSY|CANTOPEN|NOMEM)|ENOSPC|EDQUOT|EROFS|EIO|EACCES)/.test(
    (error as { code?: string } | null)?.code ?? '',
  )
