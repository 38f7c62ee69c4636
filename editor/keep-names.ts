/** Names of prototypes on their way to the server, to files and back. */
import type { NamesFile, PrototypeName } from '../server/protocol.ts'
import * as api from './api.ts'
import type { App } from './app.ts'
import { download, parseJson, pickFile } from './files.ts'
import { messageOf } from './message-of.ts'
import { importedText } from './names.ts'

/** Tells the server; the bank then shows what it answers. False when that went wrong, and was said. */
export const giveName = (app: App, checkpoint: string, index: number, entry: PrototypeName | null): Promise<boolean> =>
  attempt(app, async () => {
    await api.changeNames(checkpoint, { names: { [index]: entry } })
    await refreshNames(app, checkpoint)
  })

export async function exportNames(app: App, checkpoint: string): Promise<void> {
  await attempt(app, async () => {
    const file = await api.getNames(checkpoint)
    download(`${checkpoint.replace(/\.safetensors$/, '')}.names.json`, `${JSON.stringify(file, null, 2)}\n`)
  })
}

/** Takes over the names of a file; what it does not mention stays. Made for another checkpoint, it asks first. */
export async function importNames(app: App, checkpoint: string): Promise<void> {
  const file = await pickFile('.json,application/json')
  if (!file) return
  await attempt(app, async () => {
    const value = parseJson(await file.text(), file.name)
    const names = (value as Partial<NamesFile> | null)?.names
    const given = names && typeof names === 'object' ? Object.keys(names).length : 0
    const before = await api.getNames(checkpoint)
    const take = async (force: boolean) => {
      const after = await api.changeNames(checkpoint, value, { force })
      await refreshNames(app, checkpoint)
      app.say(importedText(before.names, after.names, given), 'good', {
        label: 'Undo',
        run: () => void attempt(app, () => putBack(app, checkpoint, before)),
      })
    }
    await take(false).catch((error: unknown) => {
      if (!(error instanceof api.ServerError && error.status === 409)) throw error
      app.say(error.message, 'bad', { label: 'Import anyway', run: () => void attempt(app, () => take(true)) })
    })
  })
}

async function putBack(app: App, checkpoint: string, before: NamesFile): Promise<void> {
  await api.replaceNames(checkpoint, before)
  await refreshNames(app, checkpoint)
}

/** Reads the names of the bank on the screen again. */
async function refreshNames(app: App, checkpoint: string): Promise<void> {
  const [{ info }, { names }] = await Promise.all([api.getCheckpoint(checkpoint), api.getNames(checkpoint)])
  const { bank } = app.store.get()
  if (bank && 'info' in bank && bank.checkpoint === checkpoint) app.show({ bank: { ...bank, info, names } })
}

async function attempt(app: App, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    app.say(messageOf(error), 'bad')
    return false
  }
}
