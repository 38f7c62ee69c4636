/** Features for the FID from an Inception-v3 that the user brings as an ONNX file; we ship none. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { resizeBilinear } from '../model/resize.ts'
import { concat, dims, map, repeat, rows, sizeOf, type Tensor } from '../model/tensor.ts'
import { permuted } from './compile.ts'
import { chooseDevice, isEager, type DeviceChoice, type DeviceName } from './device.ts'
import { Session, type DeclaredPort } from './session.ts'

export type FeatureNetwork = {
  /** Name of its file. */
  readonly name: string
  /** SHA-256 of its file, hex. */
  readonly id: string
  /** Features [N,F] of pictures [N,H,W,C] in -1 … 1, any size, grey or RGB; values outside are clipped, as when a picture is saved. */
  features(images: Tensor): Promise<Tensor>
  dispose(): Promise<void>
}

/** Inception's own size, used where the file leaves height and width open. */
const usualSize = 299
/** Pictures a call, where the file leaves the batch open. */
const usualBatch = 16

const written = ({ name, type, shape }: DeclaredPort): string => `${name} ${type} [${shape}]`

/** Rank 2, or rank 4 that only pads with 1s: [N,F] or [N,F,1,1]. */
const isFeatures = ({ type, shape }: DeclaredPort): boolean =>
  type === 'float32' && (shape.length === 2 || (shape.length === 4 && shape[2] === 1 && shape[3] === 1))

/** The one input and the one output that FID needs, or an error that says what the file has instead. */
function ports(file: string, session: Session): { input: DeclaredPort; output: DeclaredPort } {
  const [input, ...others] = session.inputs
  const fits =
    input?.type === 'float32' && input.shape.length === 4 && (input.shape[1] === 3 || typeof input.shape[1] === 'string')
  if (!fits || others.length)
    throw new Error(
      `${file}: wanted one input, float32 [N,3,${usualSize},${usualSize}] (an Inception-v3), got ${session.inputs.map(written).join('; ') || 'none'}`,
    )
  const found = session.outputs.filter(isFeatures)
  if (found.length !== 1)
    throw new Error(
      `${file}: wanted one output of features, float32 [N,2048] or [N,2048,1,1], got ${session.outputs.map(written).join('; ')}; export the network up to its last pooling, and nothing else`,
    )
  return { input, output: found[0] }
}

/** Opens the file; prepares pictures as pytorch-fid does: bilinear to the network's size, 0 … 1 stretched to -1 … 1. */
export async function openInception(path: string, wish: DeviceName | DeviceChoice = 'auto'): Promise<FeatureNetwork> {
  const file = basename(path)
  const model = await readFile(path)
  const chosen = await chooseDevice(wish)
  const device = isEager(chosen.device) ? await chooseDevice('cpu') : chosen
  const session = await Session.create({ model, layout: { parameters: [], bytes: 0 } }, new Uint8Array(), device).catch(
    (error: Error) => {
      throw new Error(`${file}: cannot be opened as an ONNX network in one file: ${error.message}`)
    },
  )
  try {
    return featureNetwork(file, createHash('sha256').update(model).digest('hex'), session)
  } catch (error) {
    await session.dispose()
    throw error
  }
}

function featureNetwork(name: string, id: string, session: Session): FeatureNetwork {
  const { input, output } = ports(name, session)
  const numberOr = (axis: number | string, usual: number) => (typeof axis === 'number' && axis > 0 ? axis : usual)
  const [batch, , height, width] = input.shape
  const fixed = numberOr(batch, 0)
  const most = fixed || usualBatch
  const size = [numberOr(height, usualSize), numberOr(width, usualSize)] as const

  const featuresOf = async (images: Tensor): Promise<Tensor> => {
    const count = images.shape[0]
    // A file whose batch is a number takes that many; the last call is filled up.
    const filled = count < fixed ? concat([images, repeat(rows(images, 0, 1), fixed - count)]) : images
    const x = prepared(filled, ...size)
    const feed = { [input.name]: { shape: [x.shape[0], 3, ...size], data: permuted(x, [0, 3, 1, 2]) } }
    const [found] = Object.values(await session.run(feed, [output.name]))
    return rows({ shape: [x.shape[0], sizeOf(found.shape.slice(1))], data: found.data }, 0, count)
  }
  return {
    name,
    id,
    async features(images) {
      const parts: Tensor[] = []
      for (let from = 0; from < images.shape[0]; from += most)
        parts.push(await featuresOf(rows(images, from, Math.min(from + most, images.shape[0]))))
      return concat(parts)
    },
    dispose: () => session.dispose(),
  }
}

/** Clipped, in three colours, at the network's size: [N,h,w,3]. Stretching 0 … 1 to -1 … 1 is undone by our pictures' range. */
function prepared(images: Tensor, height: number, width: number): Tensor {
  const { B, H, W, C } = dims(images, 'B H W C')
  if (C !== 1 && C !== 3) throw new Error(`Inception: pictures should have 1 or 3 channels, got [${images.shape}]`)
  const colours = { shape: [B, H, W, 3], data: new Float32Array(B * H * W * 3) }
  const rgb = map(colours, (_, i) => {
    const value = images.data[C === 3 ? i : Math.floor(i / 3)]
    return value < -1 ? -1 : value > 1 ? 1 : value
  })
  return resizeBilinear(rgb, height, width)
}
