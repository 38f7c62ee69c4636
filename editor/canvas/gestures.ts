/** What litegraph leaves to its host: sharp pixels on every screen, two-finger zoom, the dotted ground. */
import type { DragAndScale, LGraphCanvas } from 'litegraph.js'
import type { Colours } from './theme.ts'

/** Keeps the canvas as large as its place on the page, in device pixels. Returns how to stop. */
export function onResize(element: HTMLCanvasElement, canvas: LGraphCanvas): () => void {
  const resize = () => {
    const { clientWidth, clientHeight } = element
    const ratio = window.devicePixelRatio
    element.width = Math.round(clientWidth * ratio)
    element.height = Math.round(clientHeight * ratio)
    canvas.ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
    canvas.draw(true, true)
  }
  const observer = new ResizeObserver(resize)
  observer.observe(element)
  return () => observer.disconnect()
}

/** Two fingers zoom and pan; litegraph itself sees only the first one, and lets go of what it held. Returns how to stop. */
export function onPinch(element: HTMLCanvasElement, canvas: LGraphCanvas): () => void {
  const listening = new AbortController()
  const options = { signal: listening.signal, capture: true }
  const fingers = new Map<number, { x: number; y: number }>()
  const spread = () => {
    const [a, b] = [...fingers.values()]
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) }
  }
  element.style.touchAction = 'none'
  const parent = element.parentElement ?? element
  parent.addEventListener(
    'pointerdown',
    event => {
      if (event.pointerType !== 'touch' || event.target !== element) return
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
      if (fingers.size < 2) return
      canvas.pointer.reset()
      canvas.linkConnector.reset(true)
      canvas.dragging_canvas = false
      event.stopPropagation()
    },
    options,
  )
  parent.addEventListener(
    'pointermove',
    event => {
      if (!fingers.has(event.pointerId)) return
      const before = fingers.size === 2 ? spread() : undefined
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
      if (!before) return
      const now = spread()
      canvas.ds.offset[0] += (now.x - before.x) / canvas.ds.scale
      canvas.ds.offset[1] += (now.y - before.y) / canvas.ds.scale
      canvas.ds.changeScale(canvas.ds.scale * (now.apart / Math.max(1, before.apart)), [now.x, now.y], false)
      canvas.setDirty(true, true)
      event.stopPropagation()
    },
    options,
  )
  for (const name of ['pointerup', 'pointercancel'] as const)
    parent.addEventListener(name, event => fingers.delete(event.pointerId), options)
  return () => listening.abort()
}

/** Units between two dots of the ground. */
const SPACING = 24

/** Ground and dots, in page pixels, so that dots keep their size at every zoom. True: litegraph paints no ground of its own. */
export function drawGrid(
  element: HTMLCanvasElement,
  ctx: CanvasRenderingContext2D,
  { scale, offset }: DragAndScale,
  colours: Colours,
): boolean {
  const ratio = window.devicePixelRatio
  const [width, height] = [element.width / ratio, element.height / ratio]
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  ctx.fillStyle = colours.canvas
  ctx.fillRect(0, 0, width, height)
  let step = SPACING * scale
  while (step < 14) step *= 2
  ctx.fillStyle = colours.grid
  const radius = Math.min(1.6, Math.max(0.9, scale * 1.2))
  for (let x = (offset[0] * scale) % step; x < width; x += step)
    for (let y = (offset[1] * scale) % step; y < height; y += step) ctx.fillRect(x - radius / 2, y - radius / 2, radius, radius)
  return true
}
