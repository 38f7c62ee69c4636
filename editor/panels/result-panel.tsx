/** Pictures of this session, newest first: look, compare, keep, go back to the graph that made one. */
import { useEffect, useRef } from 'preact/hooks'
import { viewUrl } from '../api.ts'
import type { App } from '../app.ts'
import { download } from '../files.ts'
import type { Result } from '../state.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'

export function ResultPanel({ app }: { app: App }) {
  const results = usePart(app, state => state.live.results)
  if (!results.length)
    return (
      <div class="empty">
        <Icon name="play" size={28} />
        <p>No pictures yet</p>
        <p class="faint">
          Press Run (Ctrl+Enter). Every picture carries the graph that made it: drop one on the canvas to get the graph back.
        </p>
      </div>
    )
  return (
    <div class="panel-body">
      <div class="result-grid">
        {results.map((result, i) => (
          <button
            key={viewUrl(result.image)}
            class="result"
            title={`${result.image.filename} – open`}
            onClick={() => app.show({ dialog: { result: i } })}
          >
            <img class="crisp" src={viewUrl(result.image)} alt={result.image.filename} loading="lazy" />
            <span class="faint">{new Date(result.at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}</span>
          </button>
        ))}
      </div>
    </div>
  )
}

/** The file as the server keeps it, graph included. */
export async function saveResult(app: App, { image }: Result): Promise<void> {
  const response = await fetch(viewUrl(image))
  if (response.ok) download(image.filename, await response.blob())
  else app.say(`${image.filename} is no longer on the server (${response.status}).`, 'bad')
}

export function ResultDialog({ app }: { app: App }) {
  const dialog = usePart(app, state => state.dialog)
  const results = usePart(app, state => state.live.results)
  const at = typeof dialog === 'object' && 'result' in dialog ? dialog.result : undefined
  const result = at === undefined ? undefined : results[at]
  return at === undefined || !result ? null : <Viewer app={app} result={result} at={at} count={results.length} />
}

function Viewer({ app, result, at, count }: { app: App; result: Result; at: number; count: number }) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => element.current?.showModal(), [])
  const close = () => app.show({ dialog: undefined })
  const go = (by: number) => app.show({ dialog: { result: Math.min(count - 1, Math.max(0, at + by)) } })
  const reopen = () => {
    close()
    app.open(JSON.parse(result.workflow ?? '{}'), result.image.filename.replace(/\.png$/, ''), 'server')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowLeft') go(-1)
    if (event.key === 'ArrowRight') go(1)
    event.stopPropagation()
  }
  return (
    <dialog
      ref={element}
      class="dialog viewer"
      onClose={close}
      onKeyDown={onKeyDown}
      onClick={event => event.target === element.current && close()}
    >
      <div class="viewer-body">
        <img class="crisp" src={viewUrl(result.image)} alt={result.image.filename} />
        <footer class="row">
          <button class="button square" aria-label="Newer" disabled={at === 0} onClick={() => go(-1)}>
            <Icon name="left" />
          </button>
          <button class="button square" aria-label="Older" disabled={at === count - 1} onClick={() => go(1)}>
            <Icon name="right" />
          </button>
          <span class="faint">
            {result.image.filename} · {at + 1} of {count}
          </span>
          <span class="grow" />
          {result.workflow && (
            <button class="button" onClick={reopen}>
              <Icon name="graph" /> Open its graph
            </button>
          )}
          <button class="button solid" onClick={() => void saveResult(app, result)}>
            <Icon name="save" /> Save PNG
          </button>
        </footer>
      </div>
    </dialog>
  )
}
