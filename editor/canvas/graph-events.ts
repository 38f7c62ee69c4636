/** What the canvas asks and tells: the only words between litegraph and the page. */
import type { SavedImage } from '../../nodes/node.ts'
import type { Pending, Point } from '../shell.ts'
import type { NodeView } from '../state.ts'
import type { FieldAt } from './widgets.ts'

export type MenuTarget = {
  readonly at: Point
  readonly node?: string
  readonly group?: () => void
  readonly unlink?: () => void
  readonly reroute?: () => void
}
export type GraphEvents = {
  readonly view: (id: string) => NodeView | undefined
  readonly imageUrl: (image: SavedImage) => string
  /** A gesture on the canvas ended; the graph may have changed. */
  readonly gesture: () => void
  /** A field is being dragged. */
  readonly changing: () => void
  /** The graph changed by itself (a node grew). */
  readonly grew: () => void
  readonly selected: () => void
  readonly zoomed: (scale: number) => void
  readonly menu: (target: MenuTarget) => void
  readonly palette: (at: Point, pending?: Pending) => void
  readonly type: (at: FieldAt, page: DOMRect, scale: number) => void
  readonly choose: (at: FieldAt, page: DOMRect) => void
  readonly upload: (at: FieldAt) => void
  readonly opened: (node: string) => void
}
