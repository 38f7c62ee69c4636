import { fillGrid, gridSvg, type PictureGrid } from '../analysis/picture-grid.ts'
import type { Tensor } from '../model/tensor.ts'
import type { Context } from './node.ts'

/** Longer side of a picture in a grid, in pixels: small ones are enlarged to it. */
export const cellSize = 128

/** A grid of pictures as one picture, [1,H,W,3] 0…1. */
export const drawGrid = async (context: Context, grid: PictureGrid): Promise<Tensor> =>
  fillGrid(await context.drawSvg(gridSvg(grid)), grid)
