/** The authors' PyTorch files: read without Python, into the same numbers whichever PyTorch wrote them. */
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CheckpointError } from '../engine/checkpoint/error.ts'
import { importOfficial } from '../engine/checkpoint/import.ts'
import { fromTorch, intoTorch } from '../engine/checkpoint/names.ts'
import { openCheckpoint } from '../engine/checkpoint/open.ts'
import { readCheckpoint, writeCheckpoint } from '../engine/checkpoint/safetensors.ts'
import type { PriorConfig } from '../model/config.ts'
import { officialFMNIST } from '../model/configs.ts'
import { initialPriorWeights, initialWeights } from '../model/initialize.ts'
import type { Tensor } from '../model/tensor.ts'
import { p, tensorPickle, torchEntries, torchFile, zipOf } from './checkpoint-forge.ts'

const tiny = join(__dirname, 'fixtures/parity/tiny_rgb')
const run = (dataset: string, version = 0) =>
  `records/diffusion/patronus/${dataset}-train/Logs_Checkpoints/checkpoints/version_${version}`
const tinyRun = join(tiny, run('cifar10'))
const newer = join(tiny, 'alt/ckpt_torch2.tar')
const image = { height: 32, width: 32 }

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'patronus-import-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(path: string, bytes: Uint8Array): Promise<string> {
  const whole = join(folder, path)
  await mkdir(dirname(whole), { recursive: true })
  await writeFile(whole, bytes)
  return whole
}

const bytesOf = ({ data }: Tensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

function expectSame(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): void {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort())
  for (const [name, x] of a) {
    expect([name, b.get(name)!.shape]).toEqual([name, x.shape])
    if (!bytesOf(x).equals(bytesOf(b.get(name)!))) throw new Error(`${name} differs`)
  }
}

/** A network like the authors', small enough to make in a test. */
const small = {
  ...officialFMNIST,
  encoder: { ...officialFMNIST.encoder, channels: [1, 4, 4, 4, 8] },
  prototypes: { count: 4, dim: 8, epsilon: 1e-4 },
  unet: { ...officialFMNIST.unet, base: 8, multipliers: [1, 3], attention: [true, false], resBlocks: 2 },
}
const smallWeights = initialWeights(small, 1)
const smallFile = () => torchFile(intoTorch(smallWeights))

describe('a checkpoint written by the authors’ code (PyTorch 1.13)', () => {
  test('gives the configuration it was trained with', async () => {
    const { info } = await importOfficial(tiny)
    expect(info.config).toEqual({
      image: { height: 32, width: 32, channels: 3 },
      encoder: { channels: [3, 32, 64, 64, 128], kernels: [3, 3, 3, 3], strides: [2, 1, 1, 1], paddings: [1, 0, 0, 0] },
      prototypes: { count: 6, dim: 128, epsilon: 1e-4 },
      unet: {
        stem: 1,
        base: 8,
        multipliers: [1, 2, 2],
        attention: [false, true, false],
        resBlocks: 2,
        groups: 8,
        heads: 4,
        dropout: 0.1,
        timeMultiple: 4,
        conditionScale: 1,
      },
      timesteps: 1000,
    })
    expect(info.prior).toBeUndefined()
    expect(info.name).toBe('cifar10')
    expect(info.licence).toMatch(/^unknown/)
  })

  test('has the frozen table of sines and cosines where the weights say it is', async () => {
    const { weights } = await importOfficial(tiny)
    const { shape, data } = weights.get('time_embeddings.time_blocks.0.weight')!
    expect(shape).toEqual([1000, 8])
    for (const t of [0, 1, 500, 999])
      for (let k = 0; k < 4; k++) {
        const angle = t * Math.exp((-k * Math.log(10_000)) / 3)
        expect(data[t * 8 + k]).toBeCloseTo(Math.sin(angle), 3)
        expect(data[t * 8 + 4 + k]).toBeCloseTo(Math.cos(angle), 3)
      }
  })

  test('holds the same numbers as the file a newer PyTorch wrote, which lies without its config.pickle', async () => {
    expectSame((await importOfficial(tiny)).weights, (await importOfficial(newer, { image })).weights)
  })

  test('leaves nothing of the machine it was imported on in the description', async () => {
    expect(JSON.stringify((await importOfficial(tiny)).info)).not.toContain(__dirname)
  })

  test('has the same id every time, and another one when anything about the model differs', async () => {
    const ids = [tiny, tinyRun, join(tinyRun, 'ckpt.tar')].map(async path => (await importOfficial(path)).id)
    expect(new Set(await Promise.all(ids)).size).toBe(1)
    const other = await importOfficial(newer, { image })
    const larger = await importOfficial(newer, { image: { height: 64, width: 64 } })
    expect(new Set([await ids[0], other.id, larger.id]).size).toBe(3)
  })

  test('survives being written as our own file', async () => {
    const imported = await importOfficial(tiny)
    const path = join(folder, 'tiny.safetensors')
    await writeCheckpoint(path, imported)
    const read = await readCheckpoint(path)
    expect(read.info).toEqual(imported.info)
    expectSame(read.weights, imported.weights)
  })
})

test('a file is opened as what its bytes say, whatever its name', async () => {
  const disguised = join(folder, 'model.safetensors')
  await cp(join(tinyRun, 'ckpt.tar'), disguised)
  await cp(join(tinyRun, 'config.pickle'), join(folder, 'config.pickle'))
  const opened = await openCheckpoint(disguised)
  await writeCheckpoint(join(folder, 'ours.tar'), opened)
  expectSame((await openCheckpoint(join(folder, 'ours.tar'))).weights, opened.weights)
  expectSame((await openCheckpoint(tiny)).weights, opened.weights)
})

describe('layouts', () => {
  test('a convolution’s weight o,i,y,x is ours at y,x,i,o; a linear one’s o,i at i,o; a 1-D one’s o,i,k at k,i,o', () => {
    const torch = (...shape: number[]): Tensor => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, n) => a * n) }, (_, i) => i),
    })
    const state = new Map([
      ['a.weight', torch(2, 3, 4, 5)],
      ['b.weight', torch(2, 3)],
      ['c.weight', torch(2, 3, 4)],
      ['d.bias', torch(7)],
      ['time.time_blocks.0.weight', torch(3, 2)],
      ['proactBlock.prototype_vectors', torch(2, 3, 1, 1)],
    ])
    const ours = fromTorch('x', state)
    const at = ({ shape, data }: Tensor, ...index: number[]) => data[index.reduce((sum, i, axis) => sum * shape[axis] + i, 0)]
    const [a, b, c] = ['a.weight', 'b.weight', 'c.weight'].map(name => ours.get(name)!)
    expect([a.shape, b.shape, c.shape]).toEqual([
      [4, 5, 3, 2],
      [3, 2],
      [4, 3, 2],
    ])
    for (let o = 0; o < 2; o++)
      for (let i = 0; i < 3; i++) {
        expect(at(b, i, o)).toBe(at(state.get('b.weight')!, o, i))
        for (let y = 0; y < 4; y++) {
          expect(at(c, y, i, o)).toBe(at(state.get('c.weight')!, o, i, y))
          for (let x = 0; x < 5; x++) expect(at(a, y, x, i, o)).toBe(at(state.get('a.weight')!, o, i, y, x))
        }
      }
    expect(ours.get('d.bias')).toEqual(state.get('d.bias'))
    expect(ours.get('time.time_blocks.0.weight')).toEqual(state.get('time.time_blocks.0.weight'))
    expect(ours.get('proactBlock.prototype_vectors')!.shape).toEqual([2, 3])
  })

  test('into torch’s and back is where it came from', () => {
    expectSame(fromTorch('x', intoTorch(smallWeights)), smallWeights)
  })
})

test('whatever network the shapes describe is imported as it was made: levels, attention, blocks, prior', async () => {
  const priors: PriorConfig[] = [
    { base: 8, multipliers: [1, 2], resBlocks: 3, groups: 8, dropout: 0.2, timesteps: 100 },
    { base: 16, multipliers: [1, 2, 4], resBlocks: 2, groups: 8, dropout: 0.2, timesteps: 50 },
  ]
  const nets = [
    small.unet,
    { ...small.unet, multipliers: [2, 2, 4], attention: [false, false, true], resBlocks: 3, timeMultiple: 2 },
  ]
  for (const [i, prior] of priors.entries()) {
    const config = { ...small, unet: nets[i] }
    const weights = initialWeights(config, i)
    const priorWeights = initialPriorWeights(prior, 4, i)
    const path = await put(`model-${i}.bin`, torchFile(intoTorch(weights)))
    const priorPath = await put(`prior-${i}.bin`, torchFile(intoTorch(priorWeights), { bare: true, root: 'best_model' }))
    const got = await importOfficial(path, { prior: priorPath, image })
    expect(got.info.config).toEqual(config)
    expect(got.info.prior).toEqual(prior)
    expectSame(got.weights, new Map([...weights, ...[...priorWeights].map(([name, x]) => [`prior.${name}`, x] as const)]))
  }
})

describe('half-precision storages, offsets and strides', () => {
  const file = (view: Parameters<typeof tensorPickle>[0], storage: Uint8Array) => {
    const state = intoTorch(smallWeights)
    const names = [...state.keys()].filter(name => name !== 'first.bias')
    const rest = names.map((name, i): [Buffer, Buffer] => {
      const { shape, data } = state.get(name)!
      return [p.text(name), tensorPickle({ key: String(i), count: data.length, shape })]
    })
    const storages = Object.fromEntries(names.map((name, i) => [String(i), bytesOf(state.get(name)!)]))
    const pickle = p.whole(p.dict([p.text('first.bias'), tensorPickle(view)], ...rest))
    return zipOf(torchEntries(pickle, { ...storages, '999': storage }))
  }
  const bias = async (view: Parameters<typeof tensorPickle>[0], storage: Uint8Array) => [
    ...(await importOfficial(await put('x.pt', file(view, storage)), { image })).weights.get('first.bias')!.data,
  ]
  const storage = (numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer)
  const sixteen = Array.from({ length: 16 }, (_, i) => i)

  test('a view takes every stride-th number from its offset on', async () => {
    expect(await bias({ key: '999', count: 16, shape: [8], stride: [2], offset: 1 }, storage(sixteen))).toEqual([
      1, 3, 5, 7, 9, 11, 13, 15,
    ])
  })

  test('float16, bfloat16 and float64 become the float32 they stand for', async () => {
    const halves = Uint16Array.from([0x3c00, 0xc000, 0x3555, 0, 0x7bff, 1, 0x8001, 0x3800])
    expect(await bias({ key: '999', count: 8, shape: [8], type: 'HalfStorage' }, new Uint8Array(halves.buffer))).toEqual([
      1,
      -2,
      0.333251953125,
      0,
      65504,
      2 ** -24,
      -(2 ** -24),
      0.5,
    ])
    const brains = Uint16Array.from([0x3f80, 0xc000, 0x4049, 0, 0, 0, 0, 0])
    expect(
      (await bias({ key: '999', count: 8, shape: [8], type: 'BFloat16Storage' }, new Uint8Array(brains.buffer))).slice(0, 3),
    ).toEqual([1, -2, 3.140625])
    const doubles = Float64Array.from([0.5, 2, 3, 4, 5, 6, 7, 8])
    expect(await bias({ key: '999', count: 8, shape: [8], type: 'DoubleStorage' }, new Uint8Array(doubles.buffer))).toEqual([
      ...doubles,
    ])
  })

  test('a storage that lived on a GPU is read like any other', async () => {
    expect(await bias({ key: '999', count: 16, shape: [8], place: 'cuda:0' }, storage(sixteen))).toEqual(sixteen.slice(0, 8))
  })

  const outside: [why: string, view: Partial<Parameters<typeof tensorPickle>[0]>, message: RegExp][] = [
    ['an offset past the end', { offset: 9 }, /inside its storage/],
    ['a stride past the end', { stride: [3] }, /inside its storage/],
    ['a stride of 2^53 - 1', { stride: [2 ** 53 - 1] }, /inside its storage/],
    ['a negative offset', { offset: -1 }, /_rebuild_tensor_v2/],
    ['a negative stride', { stride: [-1], offset: 15 }, /_rebuild_tensor_v2/],
    ['more numbers than there are', { shape: [17], stride: [0] }, /inside its storage/],
    ['sizes whose product overflows', { shape: [2 ** 50, 2 ** 50], stride: [0, 0] }, /fewer numbers than the file has bytes/],
    ['fewer strides than sizes', { shape: [2, 4], stride: [1] }, /as many strides/],
    ['a storage larger than its entry', { count: 17 }, /68 bytes/],
    ['a storage smaller than its entry', { count: 15 }, /60 bytes/],
    ['a storage that is not there', { key: '998' }, /no such entry/],
    ['integers for weights', { type: 'LongStorage', count: 8 }, /int64/],
    ['a storage called ../data.pkl', { key: '../data.pkl' }, /storage key of digits/],
    ['a storage on a strange device', { place: 'file:///etc/passwd' }, /on cpu or cuda/],
  ]
  test.each(outside)('%s is refused', async (_, view, message) => {
    const error = await bias({ key: '999', count: 16, shape: [8], ...view }, storage(sixteen)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toMatch(message)
  })
})

describe('what an import refuses, and how it says so', () => {
  test('every missing and every unexpected weight, in one error', async () => {
    const state = intoTorch(smallWeights)
    for (const name of ['final.2.bias', 'encoder_blocks.0.dense_2.bias']) state.delete(name)
    state.set('ema.decay', { shape: [1], data: Float32Array.of(1) })
    const path = await put('x.pt', torchFile(state))
    await expect(importOfficial(path, { image })).rejects.toThrow(
      /missing:.*encoder_blocks\.0\.dense_2\.bias.*final\.2\.bias.*unexpected: ema\.decay/,
    )
  })

  test('weights without config.pickle, as long as nobody says how large the images are', async () => {
    await expect(importOfficial(await put('x.pt', smallFile()))).rejects.toThrow(
      /config\.pickle.*size of the images.*option `image`/,
    )
  })

  test('a config.pickle of another run, field by field', async () => {
    const path = await put('run/ckpt.tar', smallFile())
    await cp(join(tinyRun, 'config.pickle'), join(folder, 'run/config.pickle'))
    await expect(importOfficial(path)).rejects.toThrow(
      /IMG_SHAPE\[0\]: 3 there, 1 in the weights.*NUM_PROTOS: 6 there, 4.*BASE_CH_MULT: 1,2,2 there, 1,3/,
    )
  })

  test('a config.pickle that is something else', async () => {
    const path = await put('run/ckpt.tar', smallFile())
    await put('run/config.pickle', p.whole(p.dict([p.text('BaseConfig'), p.dict()])))
    await expect(importOfficial(path)).rejects.toThrow(/ds_name.*BASE_CH/)
    await put('run/config.pickle', Buffer.from('{}'))
    await expect(importOfficial(path)).rejects.toThrow(/a Python pickle/)
  })

  test('a trained `ones`, which would change every distance', async () => {
    const state = intoTorch(smallWeights)
    state.set('proactBlock.ones', { ...state.get('proactBlock.ones')!, data: new Float32Array(4 * 8).fill(2) })
    await expect(importOfficial(await put('x.pt', torchFile(state)), { image })).rejects.toThrow(/all ones/)
  })

  test('two models in one folder, whose paths it lists', async () => {
    await put(join(run('a'), 'ckpt.tar'), smallFile())
    await put(join(run('b'), 'ckpt.tar'), smallFile())
    await expect(importOfficial(folder, { image })).rejects.toThrow(/the files of one model, got 2:.*a-train.*b-train/)
  })

  test('an empty folder and a path that is not there', async () => {
    await expect(importOfficial(folder)).rejects.toThrow(/a ckpt\.tar in this folder/)
    await expect(importOfficial(join(folder, 'none'))).rejects.toThrow(CheckpointError)
  })

  test('a prior whose levels do not divide the number of prototypes', async () => {
    const prior = { base: 8, multipliers: [1, 2, 2, 2], resBlocks: 1, groups: 8, dropout: 0, timesteps: 100 }
    const priorPath = await put('prior.pt', torchFile(intoTorch(initialPriorWeights(prior, 8, 1)), { bare: true }))
    await expect(importOfficial(await put('x.pt', smallFile()), { image, prior: priorPath })).rejects.toThrow(
      /prior\.multipliers.*8 prototypes, got 4/,
    )
  })
})

describe('the authors’ folders', () => {
  const prior: PriorConfig = { base: 8, multipliers: [1, 2], resBlocks: 1, groups: 8, dropout: 0.2, timesteps: 100 }
  const priorFile = (seed: number) => torchFile(intoTorch(initialPriorWeights(prior, 6, seed)), { bare: true })
  const trained = (name: string) => join('records/latent_ddim/trained_models', name)

  beforeEach(async () => {
    for (const version of [2, 10]) await cp(tinyRun, join(folder, run('cifar10', version)), { recursive: true })
  })

  test('of several versions the newest is taken, by number and not by name', async () => {
    expect((await importOfficial(folder)).info.provenance.weights).toBe('version_10/ckpt.tar')
  })

  test('the newest prior of that very run comes with it', async () => {
    await put(join(trained('cifar10-10'), 'version_0/best_model.pt'), priorFile(0))
    await put(join(trained('cifar10-10'), 'version_1/best_model.pt'), priorFile(1))
    const { info, weights } = await importOfficial(join(folder, 'records'))
    expect(info.prior).toEqual(prior)
    expect(info.provenance.prior).toBe('version_1/best_model.pt')
    const expected = initialPriorWeights(prior, 6, 1)
    for (const [name, x] of expected) expect(weights.get(`prior.${name}`)).toEqual(x)
    expect((await importOfficial(folder, { prior: false })).info.prior).toBeUndefined()
  })

  test('a prior of another run is left where it is', async () => {
    await put(join(trained('cifar10-2'), 'version_0/best_model.pt'), priorFile(0))
    expect((await importOfficial(folder)).info.prior).toBeUndefined()
    expect((await importOfficial(join(folder, run('cifar10', 2)))).info.prior).toEqual(prior)
  })
})

describe('the larger parity model, trained on Fashion-MNIST', () => {
  const kit = '/work/shared/parity/small'
  const present = existsSync(kit) ? test : test.skip

  present('comes with the prior trained on it (skipped where the parity kit is not)', async () => {
    const { info, weights } = await importOfficial(kit)
    expect(info.prior).toEqual({ base: 16, multipliers: [1, 2], resBlocks: 1, groups: 8, dropout: 0.2, timesteps: 100 })
    expect(info.config.prototypes.count).toBe(8)
    const shapes = JSON.parse(await readFile(join(kit, 'ref/state_dict_shapes.json'), 'utf8')) as Record<string, number[]>
    const own = [...weights.keys()].filter(name => !name.startsWith('prior.'))
    expect(own.sort()).toEqual(
      Object.keys(shapes)
        .filter(name => name !== 'proactBlock.ones')
        .sort(),
    )
  })
})
