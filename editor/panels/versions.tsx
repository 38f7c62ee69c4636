/** The sheet of earlier versions: when each was saved and how large its graph is; a click puts it on the canvas. */
import { useEffect, useState } from 'preact/hooks'
import type { App } from '../app.ts'
import { messageOf } from '../message-of.ts'
import { contentOf, getVersions, moment, openVersion, type Version } from '../versions.ts'
import { Icon } from './icons.tsx'
import { Sheet } from './sheet.tsx'

export function Versions({ app, name }: { app: App; name: string }) {
  const [found, setFound] = useState<readonly Version[] | string>()
  useEffect(() => void getVersions(name).then(setFound, (error: unknown) => setFound(messageOf(error))), [name])
  const open = (version: Version) => {
    app.show({ dialog: undefined })
    void openVersion(app, name, version)
  }
  return (
    <Sheet app={app} title={`Versions of ${name}`}>
      {found === undefined && <div class="empty small">Looking…</div>}
      {typeof found === 'string' && <div class="empty small">{found}</div>}
      {typeof found === 'object' && (
        <ol class="versions">
          {found.map(version => (
            <li key={version.number}>
              <button class="version" onClick={() => open(version)}>
                <Icon name="clock" size={16} />
                <span class="grow">{moment(version.saved)}</span>
                {version.current && <span class="newest">newest</span>}
                <span class="faint">{contentOf(version)}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
      <footer class="faint small">Opening one changes nothing on the server; Save makes it the newest.</footer>
    </Sheet>
  )
}
