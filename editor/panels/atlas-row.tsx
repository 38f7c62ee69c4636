/** The pictures that formed with a prototype raised, below its row in the bank: what it stands for, and how sure that is. */
import { useEffect, useRef } from 'preact/hooks'
import { atlasStripUrl } from '../api.ts'
import type { App } from '../app.ts'
import { atlasOf, changeText, chanceText, columnsFor, consistencyText, isChance } from '../atlas.ts'
import { fixed } from '../format.ts'
import { readAtlas } from '../read-atlas.ts'
import type { AtlasFile } from '../../server/protocol.ts'
import { usePart } from './hooks.ts'

type AtlasRowProps = { app: App; checkpoint: string; index: number; label: string }

export function AtlasRow({ app, checkpoint, index, label }: AtlasRowProps) {
  const atlas = usePart(app, ({ bank }) => atlasOf(bank))
  const figure = useRef<HTMLElement>(null)
  useEffect(() => void readAtlas(app, checkpoint), [app, checkpoint])
  // What opens below the edge of the list would go unseen.
  useEffect(() => figure.current?.closest('li')?.scrollIntoView({ block: 'nearest' }), [atlas])
  if (atlas === 'none')
    return (
      <p class="atlas faint small">
        No atlas yet: run <code>npx patronus atlas &lt;folder&gt;/{checkpoint}</code>, then open this again.
      </p>
    )
  if (atlas === 'unread') return <p class="atlas faint small">Reading the atlas…</p>
  if ('error' in atlas) return <p class="atlas trouble small">{atlas.error}</p>
  const { file, readAt } = atlas
  const entry = file.entries.find(({ prototype }) => prototype === index)
  if (!entry) return <p class="atlas faint small">The atlas has no pictures of this prototype.</p>
  const score = consistencyText(entry, file)
  return (
    <figure
      ref={figure}
      class="atlas"
      aria-label={`${label} raised on ${file.faces} ${file.faces === 1 ? 'picture' : 'pictures'}`}
      style={{ '--columns': columnsFor(file.faces) }}
    >
      <div class="atlas-pictures">
        {entry.boxes.map((_, e) => (
          <Picture key={e} file={file} entry={entry} e={e} src={atlasStripUrl(checkpoint, index, readAt)} />
        ))}
      </div>
      <figcaption class="row faint small">
        {score && (
          <span class={isChance(entry, file) ? 'unsure' : undefined} title={chanceText(file)}>
            {score}
          </span>
        )}
        <span class="grow" />
        <span title={`Mean over the pictures, before and after it was raised to ${fixed(entry.value)}`}>{changeText(entry)}</span>
      </figcaption>
    </figure>
  )
}

type PictureProps = { file: AtlasFile; entry: AtlasFile['entries'][number]; e: number; src: string }

/** Picture e of a strip of `faces`, its patch framed. */
function Picture({ file: { faces, picture }, entry, e, src }: PictureProps) {
  const { width, height } = picture
  const { x0, y0, x1, y1 } = entry.boxes[e]
  const box = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }
  const text = `Picture ${e + 1}: ${changeText(entry, e)}`
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={text}>
      <title>{text}</title>
      <image class={width < 48 ? 'crisp' : undefined} href={src} x={-e * width} width={faces * width} height={height} />
      <rect class="halo" {...box} />
      <rect class="frame" {...box} />
    </svg>
  )
}
