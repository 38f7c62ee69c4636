import fc from 'fast-check'
import { cells, contained } from '../editor/canvas/cells.ts'

/** Pictures on nodes: where they go. */

const size = fc.integer({ min: 1, max: 4000 })
const shape = fc.record({ width: size, height: size })

test('a picture keeps its shape, stays inside its cell, touches two of its sides and lies in the middle', () =>
  fc.assert(
    fc.property(shape, shape, (picture, { width, height }) => {
      const cell = { x: 10, y: 20, width, height }
      const box = contained(picture, cell)
      expect(box.width / box.height).toBeCloseTo(picture.width / picture.height, 9 - Math.ceil(Math.log10(4000)))
      expect(box.width).toBeLessThanOrEqual(width + 1e-9)
      expect(box.height).toBeLessThanOrEqual(height + 1e-9)
      expect(Math.min(width - box.width, height - box.height)).toBeCloseTo(0, 9)
      expect(box.x - cell.x).toBeCloseTo(cell.x + width - (box.x + box.width), 9)
      expect(box.y - cell.y).toBeCloseTo(cell.y + height - (box.y + box.height), 9)
    }),
  ))

test('pictures of one shape fill their cells, beside each other and inside the space', () => {
  const space = { x: 0, y: 0, width: 300, height: 100 }
  const places = cells(3, 1, space)
  expect(places).toHaveLength(3)
  for (const cell of places) expect(contained({ width: 64, height: 64 }, cell)).toEqual(cell)
  expect(places[1].x).toBeGreaterThanOrEqual(places[0].x + places[0].width)
  expect(places[2].x + places[2].width).toBeLessThanOrEqual(300)
})
