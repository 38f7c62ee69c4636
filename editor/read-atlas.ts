/** The prototype atlas on its way from the server into the bank. */
import * as api from './api.ts'
import type { App } from './app.ts'
import { atlasOf, type AtlasView } from './atlas.ts'
import { messageOf } from './message-of.ts'

/** Asks the server unless the atlas is here already; one that was made since the page was opened is found, too. */
export async function readAtlas(app: App, checkpoint: string): Promise<void> {
  const known = atlasOf(app.store.get().bank)
  if (typeof known === 'object' && 'file' in known) return
  const atlas = await look(checkpoint).catch((error: unknown) => ({
    error: messageOf(error),
  }))
  const { bank } = app.store.get()
  if (bank && 'info' in bank && bank.checkpoint === checkpoint) app.show({ bank: { ...bank, atlas } })
}

async function look(checkpoint: string): Promise<AtlasView> {
  const { hasAtlas } = await api.getCheckpoint(checkpoint)
  return hasAtlas ? { file: await api.getAtlas(checkpoint), readAt: Date.now() } : 'none'
}
