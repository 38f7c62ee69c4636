/** Colours of the canvas. They come from the same CSS properties as the panels, so that there is one palette and one switch. */
import { LGraphCanvas, LGraphGroup, LiteGraph } from 'litegraph.js'
import { typeColour } from './type-colours.ts'

export { categoryColour, typeColour } from './type-colours.ts'

export type Colours = {
  readonly canvas: string
  readonly grid: string
  readonly node: string
  readonly title: string
  readonly line: string
  readonly field: string
  readonly fieldLine: string
  readonly fill: string
  readonly text: string
  readonly muted: string
  readonly faint: string
  readonly accent: string
  readonly danger: string
  readonly warn: string
  readonly good: string
  readonly shadow: string
  readonly group: string
  readonly well: string
}
const PROPERTIES: Record<keyof Colours, string> = {
  canvas: '--canvas',
  grid: '--grid',
  node: '--node',
  title: '--node-title',
  line: '--node-line',
  field: '--field',
  fieldLine: '--field-line',
  fill: '--fill',
  text: '--text',
  muted: '--muted',
  faint: '--faint',
  accent: '--accent',
  danger: '--danger',
  warn: '--warn',
  good: '--good',
  shadow: '--node-shadow',
  group: '--group',
  well: '--well',
}

export const FONT = '"Inter Variable", system-ui, sans-serif'

export const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace'

export function readColours(element: Element): Colours {
  const style = getComputedStyle(element)
  return Object.fromEntries(
    Object.entries(PROPERTIES).map(([name, property]) => [name, style.getPropertyValue(property).trim()]),
  ) as Colours
}

/** Sets litegraph's own globals: what it draws itself (slots, links, groups, outlines). */
export function applyColours(canvas: LGraphCanvas, colours: Colours, types: Iterable<string>): void {
  Object.assign(LiteGraph, {
    NODE_TITLE_COLOR: colours.text,
    NODE_SELECTED_TITLE_COLOR: colours.text,
    NODE_TEXT_COLOR: colours.muted,
    NODE_TEXT_HIGHLIGHT_COLOR: colours.text,
    NODE_DEFAULT_COLOR: colours.title,
    NODE_DEFAULT_BGCOLOR: colours.node,
    NODE_DEFAULT_BOXCOLOR: colours.faint,
    NODE_BOX_OUTLINE_COLOR: colours.accent,
    NODE_ERROR_COLOUR: colours.danger,
    DEFAULT_SHADOW_COLOR: colours.shadow,
    CONNECTING_LINK_COLOR: colours.accent,
    LINK_COLOR: colours.muted,
  })
  LGraphGroup.defaultColour = colours.group
  canvas.node_title_color = colours.text
  canvas.clear_background_color = colours.canvas
  canvas.default_link_color = colours.muted
  const byType = Object.fromEntries([...types].map(type => [type, typeColour(type)]))
  canvas.default_connection_color_byType = byType
  canvas.default_connection_color_byTypeOff = byType
  Object.assign(LGraphCanvas.link_type_colors, byType)
  canvas.setDirty(true, true)
}

/** One-time settings of the library: sizes, fonts, and every menu of its own switched off. */
export function settle(): void {
  Object.assign(LiteGraph, {
    NODE_FONT: FONT,
    DEFAULT_FONT: FONT,
    GROUP_FONT: FONT,
    NODE_TITLE_HEIGHT: 30,
    NODE_TITLE_TEXT_Y: 20,
    NODE_SLOT_HEIGHT: 22,
    NODE_WIDGET_HEIGHT: 24,
    NODE_TEXT_SIZE: 13,
    NODE_SUBTEXT_SIZE: 12,
    NODE_MIN_WIDTH: 160,
    ROUND_RADIUS: 9,
    DEFAULT_GROUP_FONT: 18,
    DEFAULT_GROUP_FONT_SIZE: 18,
    release_link_on_empty_shows_menu: false,
    alt_drag_do_clone_nodes: true,
    middle_click_slot_add_default_node: false,
    saveViewportWithGraph: false,
    snaps_for_comfy: true,
    canvasNavigationMode: 'legacy',
    allow_scripts: false,
  })
}
