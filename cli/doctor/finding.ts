/** One thing `patronus doctor` looked at. A `note` is worth knowing; a `problem` is wrong, and `todo` mends it. */
export type Finding = {
  readonly about: string
  readonly state: 'ok' | 'note' | 'problem'
  readonly says: string
  readonly todo?: string
}

export const ok = (about: string, says: string): Finding => ({ about, state: 'ok', says })
export const note = (about: string, says: string, todo?: string): Finding => ({
  about,
  state: 'note',
  says,
  ...(todo !== undefined && { todo }),
})
export const problem = (about: string, says: string, todo: string): Finding => ({ about, state: 'problem', says, todo })

export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0].slice(0, 300)

export const mebibytes = (bytes: number): string => `${Math.floor(bytes / (1 << 20)).toLocaleString('en')} MiB`
