import batchImages from './batch-images.ts'
import dataSetImages from './data-set-images.ts'
import blendActivations from './blend-activations.ts'
import changeMap from './change-map.ts'
import { conformance } from './conformance/index.ts'
import diagnoseShortcut from './diagnose-shortcut.ts'
import editPrototype from './edit-prototype.ts'
import encode from './encode.ts'
import extrapolate from './extrapolate.ts'
import findCouplings from './find-couplings.ts'
import frechetDistance from './frechet-distance.ts'
import gaussianNoise from './gaussian-noise.ts'
import interpolate from './interpolate.ts'
import invertDdim from './invert-ddim.ts'
import loadCheckpoint from './load-checkpoint.ts'
import loadImage from './load-image.ts'
import measureDisentanglement from './measure-disentanglement.ts'
import nearestPatches from './nearest-patches.ts'
import type { AnyNode, Catalog } from './node.ts'
import partialEdit from './partial-edit.ts'
import previewImage from './preview-image.ts'
import priorSample from './prior-sample.ts'
import prototypeAtlas from './prototype-atlas.ts'
import prototypeHeatMaps from './prototype-heat-maps.ts'
import reconstructionError from './reconstruction-error.ts'
import sampleDdim from './sample-ddim.ts'
import saveImage from './save-image.ts'
import sendImage from './send-image.ts'
import speakHere from './speak-here.ts'
import traceEmergence from './trace-emergence.ts'
import varyNoise from './vary-noise.ts'
import visualizePrototype from './visualize-prototype.ts'

/** Every node the program has, in the order its menus show them. */
const all: readonly AnyNode[] = [
  loadCheckpoint,
  loadImage,
  batchImages,
  dataSetImages,
  encode,
  editPrototype,
  blendActivations,
  interpolate,
  invertDdim,
  gaussianNoise,
  varyNoise,
  sampleDdim,
  partialEdit,
  priorSample,
  visualizePrototype,
  prototypeAtlas,
  nearestPatches,
  traceEmergence,
  extrapolate,
  prototypeHeatMaps,
  speakHere,
  changeMap,
  diagnoseShortcut,
  findCouplings,
  measureDisentanglement,
  reconstructionError,
  frechetDistance,
  previewImage,
  saveImage,
  sendImage,
]

export type CatalogOptions = {
  /** The conformance nodes, too. */
  readonly conformance?: boolean
}

/** The one place where a catalog is put together, for the server and for its worker: both must have the same. */
export function catalogOf(options: CatalogOptions = {}): Catalog {
  const nodes = [...all, ...(options.conformance ? conformance : [])]
  return new Map(nodes.map(node => [node.type, node]))
}

export const catalog: Catalog = catalogOf()
