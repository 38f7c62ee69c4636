/** Where pictures on a node go: a grid that fits a space. Pure. */

export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** The grid of `count` pictures of one `aspect` (width / height) that shows them largest in a space. Gap in the same units. */
export function grid(
  count: number,
  aspect: number,
  space: { width: number; height: number },
  gap = 4,
): { columns: number; rows: number; width: number; height: number } {
  let best = { columns: 1, rows: count, width: 0, height: 0 }
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns)
    const width = Math.min((space.width - gap * (columns - 1)) / columns, ((space.height - gap * (rows - 1)) / rows) * aspect)
    if (width > best.width) best = { columns, rows, width, height: width / aspect }
  }
  return best
}

/** Where each of `count` pictures goes: `grid`, centred in the space. */
export function cells(count: number, aspect: number, space: Box, gap = 4): Box[] {
  const { columns, rows, width, height } = grid(count, aspect, space, gap)
  if (!(width > 0)) return []
  const left = space.x + (space.width - columns * width - (columns - 1) * gap) / 2
  const top = space.y + (space.height - rows * height - (rows - 1) * gap) / 2
  return Array.from({ length: count }, (_, i) => ({
    x: left + (i % columns) * (width + gap),
    y: top + Math.floor(i / columns) * (height + gap),
    width,
    height,
  }))
}

/** The largest place in a cell for a picture of its own shape, in the middle: a chart among faces is not squeezed into theirs. */
export function contained(picture: { readonly width: number; readonly height: number }, cell: Box): Box {
  const scale = Math.min(cell.width / picture.width, cell.height / picture.height)
  const [width, height] = [scale * picture.width, scale * picture.height]
  return { x: cell.x + (cell.width - width) / 2, y: cell.y + (cell.height - height) / 2, width, height }
}
