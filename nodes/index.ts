import batchImages from './batch-images.ts'
import editPrototype from './edit-prototype.ts'
import encode from './encode.ts'
import gaussianNoise from './gaussian-noise.ts'
import invertDdim from './invert-ddim.ts'
import loadCheckpoint from './load-checkpoint.ts'
import loadImage from './load-image.ts'
import type { AnyNode, Catalog } from './node.ts'
import partialEdit from './partial-edit.ts'
import previewImage from './preview-image.ts'
import priorSample from './prior-sample.ts'
import sampleDdim from './sample-ddim.ts'
import saveImage from './save-image.ts'
import traceEmergence from './trace-emergence.ts'
import visualizePrototype from './visualize-prototype.ts'

/** Every node the program has, in the order its menus show them. */
const all: readonly AnyNode[] = [
  loadCheckpoint,
  loadImage,
  batchImages,
  encode,
  editPrototype,
  invertDdim,
  gaussianNoise,
  sampleDdim,
  partialEdit,
  priorSample,
  visualizePrototype,
  traceEmergence,
  previewImage,
  saveImage,
]

export const catalog: Catalog = new Map(all.map(node => [node.type, node]))
