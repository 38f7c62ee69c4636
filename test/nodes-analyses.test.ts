import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { DataSet } from '../analysis/data-set.ts'
import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { map, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Table, Ui } from '../nodes/node.ts'
import { badNumbers } from './bad-numbers.ts'
import { brightPictures, brightReader } from './bright-reader.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

/** Nodes that ask long questions: relations that hold for any weights, on tiny models in colour and grey. */

type Result = Record<string, Tensor | Table> & { ui: Ui }
type Quiet = ReturnType<typeof quietContext>
const quietly = (model: Patronus, signal?: AbortSignal, reader: AttributeReader = brightReader) =>
  quietContext(model, {}, signal, reader)
const pictures = (count: number, channels = 3): Tensor =>
  map(gaussian([count, 16, 16, channels], 3), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
const isShown = ({ heard }: Quiet) =>
  heard.saved.length > 0 && heard.saved.every(({ images }) => images.data.every(v => v >= 0 && v <= 1))

describe.each([1, 3] as const)('on a model of %i colours', channels => {
  let model: Patronus
  const data = brightPictures(12, channels)
  beforeAll(async () => void (model = await tinyPatronus({ channels })))
  afterAll(() => model.dispose())

  const run = async (type: string, inputs: Record<string, unknown>, quiet: Quiet = quietly(model)): Promise<Result> =>
    (await catalog.get(type)!.run({ model, ...inputs }, quiet.context)) as Result
  const column = (table: Tensor | Table, name: string) =>
    (table as Table).rows.map(row => row[(table as Table).columns.indexOf(name)])

  /** Stops a run after so many previews. */
  const cancelled = (after: number) => {
    const stop = new AbortController()
    const quiet = quietly(model, stop.signal)
    const { preview } = quiet.context
    let seen = 0
    const context = {
      ...quiet.context,
      preview: async (image: Tensor) => {
        if (++seen === after) stop.abort()
        await preview(image)
      },
    }
    return { quiet: { ...quiet, context }, seen: () => seen }
  }

  describe('Prototype Atlas', () => {
    const atlas = (inputs: Record<string, unknown> = {}, quiet = quietly(model)) =>
      run('PatronusPrototypeAtlas', { images: pictures(2, channels), prototypes: '', steps: 2, ...inputs }, quiet)

    test('draws every prototype on every picture, and puts unrelated patches below the scores', async () => {
      const quiet = quietly(model)
      const { images, table, ui } = await atlas({}, quiet)
      expect((images as Tensor).shape).toEqual([8, 16, 16, 3])
      expect(column(table, 'prototype')).toEqual([0, 1, 2, 3, 'shuffled', 'shuffled'])
      expect(ui.plots![0].series.map(({ y }) => y.length)).toEqual([4, 4, 4])
      expect(isShown(quiet)).toBe(true)
      expect(badNumbers(ui)).toEqual([])
      expect(quiet.heard.progress.at(-1)![0]).toBe(quiet.heard.progress.at(-1)![1])
    })

    test('stops within a step, and goes on where it stopped to the same result', async () => {
      const { quiet, seen } = cancelled(7)
      const long = { images: pictures(16, channels) }
      await expect(atlas(long, quiet)).rejects.toThrow(/abort/i)
      expect(seen()).toBe(7)
      const kept = quiet.heard.artefacts.size
      expect(kept).toBeGreaterThan(0)
      const [fresh, resumed] = [quietly(model), quietly(model)]
      for (const [key, bytes] of quiet.heard.artefacts) resumed.heard.artefacts.set(key, bytes)
      const [a, b] = [await atlas(long, fresh), await atlas(long, resumed)]
      expect(b.table).toEqual(a.table)
      expect(b.images).toEqual(a.images)
      expect(resumed.heard.previews.length).toBe(fresh.heard.previews.length - 2 * kept)
    })

    test('of one picture and one prototype has dashes for what does not exist', async () => {
      const { table, ui } = await atlas({ images: pictures(1, channels), prototypes: '2' })
      expect(column(table, 'consistency')).toEqual([null, null, null])
      expect([badNumbers(table), badNumbers(ui), ui.plots]).toEqual([[], [], []])
    })

    test('refuses prototypes that are not there, lists it cannot read, and more pictures than memory holds', async () => {
      await expect(atlas({ prototypes: '2, 9' })).rejects.toThrow('prototype 9 does not exist: "tiny" has 4')
      await expect(atlas({ prototypes: 'two' })).rejects.toThrow('cannot read "two" as prototypes')
      await expect(atlas({ images: zeros([3000, 1, 1, 1]) })).rejects.toThrow('an atlas of 12000 pictures is too large')
    })
  })

  describe('Nearest Patches', () => {
    const nearest = (inputs: Record<string, unknown> = {}, quiet = quietly(model)) =>
      run('PatronusNearestPatches', { data, prototypes: '1, 3', count: 3, box: 'receptive field', ...inputs }, quiet)

    test('lists patches nearest first, and shows each twice: framed in its picture, and by itself', async () => {
      const quiet = quietly(model)
      const { table, spread, pictures, patches, ui } = await nearest({}, quiet)
      expect(column(table, 'prototype')).toEqual(['1 corner', '1 corner', '1 corner', '3', '3', '3'])
      for (const from of [0, 3]) {
        const d = column(table, 'd').slice(from, from + 3).map(Number) // prettier-ignore
        expect(d).toEqual([...d].sort((a, b) => a - b))
      }
      expect([(pictures as Tensor).shape, (patches as Tensor).shape]).toEqual([[6, 16, 16, 3], [6, 16, 16, 3]]) // prettier-ignore
      expect(column(spread, 'patches')).toEqual([3, 3])
      expect(isShown(quiet)).toBe(true)
      expect(badNumbers(ui)).toEqual([])
    })

    test('finds the same patches for either kind of box', async () => {
      const [a, b] = [await nearest(), await nearest({ box: '95th percentile' })]
      for (const name of ['picture', 'cell', 'd', 's']) expect(column(b.table, name)).toEqual(column(a.table, name))
    })

    test('puts generated pictures beside them with a spread of their own, and smaller ones as they are', async () => {
      const whole = await nearest({ prototypes: '1', generated: pictures(2, channels) })
      expect(column(whole.spread, 'prototype')).toEqual(['1 corner', '1 corner, generated'])
      expect(column(whole.spread, 'patches')).toEqual([3, 2])
      const patch = await nearest({ prototypes: '1', generated: zeros([1, 7, 5, channels]) })
      expect(column(patch.spread, 'prototype')).toEqual(['1 corner'])
      expect((patch.grid as Tensor).shape[1]).toBeGreaterThan(((await nearest({ prototypes: '1' })).grid as Tensor).shape[1])
      await expect(nearest({ generated: pictures(1, channels) })).rejects.toThrow(
        'generated: pictures of one prototype stand beside patches of one, prototypes lists 2',
      )
    })

    test('of a single picture has no spread; of none, or of pictures of another model, an error says so', async () => {
      const one = brightPictures(1, channels)
      expect(column((await nearest({ data: one })).spread, 'spread')).toEqual([null, null])
      await expect(nearest({ data: brightPictures(0, channels) })).rejects.toThrow('at least one picture')
      await expect(nearest({ data: brightPictures(3, channels === 1 ? 3 : 1) })).rejects.toThrow(`"tiny" wants 16×16×${channels}`)
    })

    test('stops between two batches', async () => {
      const stop = new AbortController()
      stop.abort()
      const quiet = quietly(model, stop.signal)
      await expect(nearest({ data: brightPictures(70, channels) }, quiet)).rejects.toThrow(/abort/i)
      expect(quiet.heard.progress).toEqual([[32, 70]])
    })
  })

  describe('Diagnose Shortcut', () => {
    const usual = { data, attribute_a: '', attribute_b: '', pictures: 3, top: 1, random: 1, steps: 2, seed: 1 }
    const diagnose = (inputs: Record<string, unknown> = {}, quiet = quietly(model)) =>
      run('PatronusDiagnoseShortcut', { ...usual, ...inputs }, quiet)

    test('reads every other attribute of each that is raised, with the pictures that lack the first, before and after', async () => {
      const quiet = quietly(model)
      const { table, before, after, ui } = await diagnose({}, quiet)
      expect(new Set((table as Table).rows.map(([a, b]) => `${a} → ${b}`))).toEqual(
        new Set(['bright above → bright below', 'bright below → bright above']),
      )
      // Of the three, one is bright above and another below.
      expect([(before as Tensor).shape, (after as Tensor).shape]).toEqual([[2, 16, 16, channels], [2, 16, 16, channels]]) // prettier-ignore
      expect(ui.images).toHaveLength(3)
      expect(isShown(quiet)).toBe(true)
      expect(badNumbers(ui)).toEqual([])
    })

    test('asks one pair, with prototypes that a person names, and the control for its own', async () => {
      const one = await diagnose({
        attribute_a: 'bright above',
        attribute_b: ' bright below ',
        prototypes: '2, 3',
        control: model,
      })
      expect((one.table as Table).rows.map(row => row.slice(0, 2))).toEqual([['bright above', 'bright below']])
      expect(column(one.table, 'control')[0]).not.toBeNull()
      const unnamed = await diagnose({ prototypes: '2, 3' })
      expect(new Set(column(unnamed.table, 'raised A'))).toEqual(new Set(['prototypes 2, 3']))
    })

    test('on one picture has no interval, and says so with dashes', async () => {
      const { table, ui } = await diagnose({ pictures: 1, random: 0 })
      expect(column(table, 'low')).toEqual([null, null])
      expect(badNumbers(ui)).toEqual([])
    })

    test('refuses what cannot be asked before anything runs', async () => {
      const { attributes, ...bare } = data
      const constant: DataSet = { ...data, attributes: { names: attributes!.names, values: new Uint8Array(24) } }
      await expect(diagnose({ data: bare })).rejects.toThrow('data: grounds has no attributes to tell shortcuts by')
      await expect(diagnose({ attribute_a: 'hat' })).rejects.toThrow('no attribute "hat"; it has: bright above, bright below')
      await expect(diagnose({ attribute_b: 'hat' })).rejects.toThrow('no attribute "hat"')
      await expect(diagnose({ attribute_a: 'bright above', attribute_b: 'bright above' })).rejects.toThrow(
        'attribute_b: "bright above" is what is raised',
      )
      await expect(diagnose({ data: constant, attribute_a: 'bright above' })).rejects.toThrow('is the same in all 12 pictures')
      await expect(diagnose({ prototypes: '1', control: model })).rejects.toThrow(
        'attribute_a: name what the prototypes stand for',
      )
      await expect(diagnose({ prototypes: '8' })).rejects.toThrow('prototype 8 does not exist')
    })

    test('stops within a step', async () => {
      const { quiet, seen } = cancelled(3)
      await expect(diagnose({}, quiet)).rejects.toThrow(/abort/i)
      expect(seen()).toBe(3)
    })
  })

  describe('Find Couplings', () => {
    const find = (inputs: Record<string, unknown> = {}, quiet = quietly(model)) =>
      run('PatronusFindCouplings', { images: pictures(2, channels), prototypes: '0-1', steps: 2, seed: 1, ...inputs }, quiet)

    test('finds nothing where patches are as large as the picture, and shows the pictures all the same', async () => {
      const quiet = quietly(model)
      const { table, ui } = await find({}, quiet)
      expect((table as Table).rows).toEqual([])
      expect(ui.text![1]).toContain('No prototype answers')
      expect(isShown(quiet)).toBe(true)
      expect(badNumbers(ui)).toEqual([])
    })

    test("raised the paper's way uses the same parts as the atlas, of the model and of its control", async () => {
      const paper = { edit: 'maximum', noise: 'inverted' }
      const quiet = quietly(model)
      await run('PatronusPrototypeAtlas', { images: pictures(2, channels), prototypes: '0-1', steps: 2 }, quiet)
      const { size } = quiet.heard.artefacts
      await find(paper, quiet)
      expect(quiet.heard.artefacts.size).toBe(size)
      await find({}, quiet)
      expect(quiet.heard.artefacts.size).toBe(2 * size)
      const control = await tinyPatronus({ channels, seed: 2 })
      await find({ ...paper, control, match: pictures(5, channels) }, quiet)
      expect(quiet.heard.artefacts.size).toBe(3 * size)
      await control.dispose()
    })

    test('wants two pictures, and a control of the same pictures', async () => {
      await expect(find({ images: pictures(1, channels) })).rejects.toThrow('images: wanted at least 2 pictures, got 1')
      const other = await tinyPatronus({ channels: channels === 1 ? 3 : 1 })
      await expect(find({ control: other })).rejects.toThrow('couplings want a control with the same pictures and patches')
      await other.dispose()
    })

    test('stops within a step', async () => {
      const { quiet, seen } = cancelled(3)
      await expect(find({}, quiet)).rejects.toThrow(/abort/i)
      expect(seen()).toBe(3)
    })
  })

  describe('Measure Disentanglement', () => {
    const many = brightPictures(40, channels)
    const measure = (inputs: Record<string, unknown> = {}, quiet = quietly(model)) =>
      run('PatronusMeasureDisentanglement', { data: many, control: false, seed: 1, ...inputs }, quiet)

    test('gives the scores and one row an attribute, beside an encoder that was never trained', async () => {
      const { scores, attributes, ui } = await measure({ control: true })
      expect((scores as Table).columns).toContain('untrained control')
      expect(column(attributes, 'attribute')).toEqual(brightReader.names)
      expect(Number(column(attributes, 'its AUROC')[0])).toBeGreaterThan(0.5)
      expect(badNumbers(ui)).toEqual([])
      expect((await measure({ control: true })).scores).toEqual(scores)
    })

    test('says without a control what that means', async () => {
      const { scores, ui } = await measure()
      expect((scores as Table).columns).not.toContain('untrained control')
      expect(ui.text!.join(' ')).toContain('no untrained control')
    })

    test('refuses too few pictures, and pictures of which nothing is known', async () => {
      await expect(measure({ data: brightPictures(9, channels) })).rejects.toThrow('at least 10 pictures')
      const { attributes, ...bare } = many
      expect(attributes).toBeDefined()
      await expect(measure({ data: bare })).rejects.toThrow('these pictures have no attributes')
      await expect(measure({ data: brightPictures(12, channels === 1 ? 3 : 1) })).rejects.toThrow(
        `"tiny" wants 16×16×${channels}`,
      )
    })
  })
})
