/** Where prototypes are in pictures, and which speak at a point of one: questions to the whole map of distances, computed once. */
import type { CheckpointInfo, Patronus } from '../engine/patronus.ts'
import { activationOf } from '../model/activation.ts'
import { exactBox, receptiveField, type Box, type ReceptiveField } from '../model/receptive-field.ts'
import { dims, type Tensor } from '../model/tensor.ts'
import { wantPictures } from './batches.ts'
import { bilinear } from './overlay.ts'
import { checkPrototype } from './ranges.ts'

/** B pictures as the encoder sees them. */
export type CellMaps = {
  /** Squared distance of every cell to every prototype, [B,n,n,m]. */
  readonly distances: Tensor
  readonly field: ReceptiveField
  readonly info: CheckpointInfo
}

/** A prototype at its most activated cell (row-major, first wins) of one picture. */
export type Located = {
  readonly image: number
  readonly prototype: number
  readonly s: number
  readonly cell: number
  /** All that the cell sees, in pixels. */
  readonly box: Box
}

/** One pass of the encoder over images [B,H,W,C] -1…1. */
export async function cellMaps(patronus: Patronus, images: Tensor): Promise<CellMaps> {
  wantPictures('where prototypes are', images)
  const { info } = patronus
  const { encoder, image } = info.config
  return { distances: await patronus.distances(images), field: receptiveField(encoder, image.height), info }
}

/** s of every cell of picture `image` for one prototype, [n,n]; its highest entry is the picture's s_J. */
export function mapOf({ distances, info }: CellMaps, image: number, prototype: number): Tensor {
  const { n, width, m } = dims(distances, 'B n width m')
  const { epsilon } = info.config.prototypes
  const data = new Float32Array(n * width)
  for (let cell = 0; cell < data.length; cell++)
    data[cell] = activationOf(distances.data[(image * n * width + cell) * m + prototype], epsilon)
  return { shape: [n, width], data }
}

/** Where prototype `prototype` is most activated in picture `image`. */
export function locate(maps: CellMaps, image: number, prototype: number): Located {
  const { distances, field, info } = maps
  checkPrototype(prototype, info)
  const { n, width, m } = dims(distances, 'B n width m')
  const at = (cell: number) => distances.data[(image * n * width + cell) * m + prototype]
  let cell = 0
  for (let other = 1; other < n * width; other++) if (at(other) < at(cell)) cell = other
  const s = activationOf(at(cell), info.config.prototypes.epsilon)
  return { image, prototype, s, cell, box: exactBox(field, cell, info.config.image.height) }
}

/** All prototypes of picture `image` at their most activated cells, strongest first. */
export const strongestFirst = (maps: CellMaps, image: number): Located[] =>
  Array.from({ length: maps.info.config.prototypes.count }, (_, j) => locate(maps, image, j)).sort((a, b) => b.s - a.s)

/** How s is read at a point: that of the cell whose centre is nearest, or bilinear between the cells around it. */
export const readings = ['nearest cell', 'between cells'] as const
export type Reading = (typeof readings)[number]

/** A point of a picture as fractions 0…1 of its width and height, from the top left corner. */
export type Point = { readonly x: number; readonly y: number }

export type Spoken = {
  readonly prototype: number
  /** s at the point. */
  readonly s: number
  /** s of the whole picture: that of the prototype's most activated cell. */
  readonly most: number
}

/** The cell whose centre is nearest to a point. */
export function cellAt({ field, info }: Pick<CellMaps, 'field' | 'info'>, point: Point): number {
  const { row, column } = gridPlace(field, point, info)
  const whole = (place: number) => Math.min(field.n - 1, Math.max(0, Math.round(place)))
  return whole(row) * field.n + whole(column)
}

/** A point in cells: cell 0 is centred at pixel `start`, the next one `jump` further. */
function gridPlace(
  { jump, start }: ReceptiveField,
  { x, y }: Point,
  { config }: CheckpointInfo,
): { row: number; column: number } {
  const { width, height } = config.image
  return { row: (y * height - start) / jump, column: (x * width - start) / jump }
}

/** Every prototype at one point of picture `image`, strongest there first. */
export function speakersAt(maps: CellMaps, image: number, point: Point, reading: Reading): Spoken[] {
  const { row, column } = gridPlace(maps.field, point, maps.info)
  const cell = cellAt(maps, point)
  return Array.from({ length: maps.info.config.prototypes.count }, (_, prototype) => {
    const map = mapOf(maps, image, prototype)
    const s = reading === 'nearest cell' ? map.data[cell] : bilinear(map, row, column)
    return { prototype, s, most: map.data.reduce((top, value) => Math.max(top, value)) }
  }).sort((a, b) => b.s - a.s)
}
