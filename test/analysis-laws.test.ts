import fc from 'fast-check'
import { Resvg } from '@resvg/resvg-js'
import type { Patronus } from '../engine/patronus.ts'
import { emergence } from '../analysis/emergence.ts'
import { onsets } from '../analysis/onset.ts'
import { crop, drawBox, enlarge, heatColor, heatOverlay } from '../analysis/overlay.ts'
import { fromModel, toModel } from '../analysis/pixels.ts'
import { ticks } from '../analysis/figures/draw.ts'
import { plotSvg, type LinePlot } from '../analysis/figures/line-plot.ts'
import { nearestTime, timesUpTo } from '../analysis/sampling.ts'
import { visualize } from '../analysis/visualize.ts'
import { gaussian } from '../model/noise.ts'
import { timesteps } from '../model/schedule.ts'
import { map, tensor, zeros } from '../model/tensor.ts'
import { flat, knownWorld as world } from './known-world.ts'
import { tinyConfig, tinyPatronus } from './tiny-model.ts'

/** What the analyses must give on models whose answer is known beforehand. */

let tiny: Patronus
beforeAll(async () => void (tiny = await tinyPatronus()))
afterAll(() => tiny.dispose())

const knownWorld = (from?: readonly number[]) => world(tiny, from)

describe('emergence', () => {
  test('finds the timestep from which each prototype is followed, to within one step', async () => {
    const from = [800, 500, 200, 999]
    const { t, prototypes } = await emergence(knownWorld(from), flat([0, 0.1]), [0, 1, 2], { steps: 101, value: 3 })
    expect(t).toEqual([...timesteps(1000, 101)].reverse())
    for (const { prototype, onset, effectOnset, pictureOnset, raised } of prototypes) {
      for (const found of [onset.t10, onset.t50, onset.t90, effectOnset.t50, pictureOnset.mean]) {
        expect(found).toBeLessThanOrEqual(from[prototype])
        expect(found).toBeGreaterThan(from[prototype] - 11)
      }
      // s_J(x0) is 0 and 0.4: raised to 3 they rise by 3 and 2.6
      expect(raised.mean.at(-1)).toBeCloseTo(2.8, 3)
      expect(raised.std.at(-1)).toBeCloseTo(0.2, 3)
    }
  })

  test('the control, s as it was, ends where it began', async () => {
    const { prototypes } = await emergence(knownWorld(), flat([0.2, 0.7]), [3], { steps: 20, value: 3 })
    expect(prototypes[0].control.mean.at(-1)).toBeCloseTo(0, 4)
  })

  test("raises to the prototype's own maximum when no value is given", async () => {
    const { prototypes } = await emergence(knownWorld(), flat([0]), [0, 2], { steps: 3 })
    expect(prototypes.map(({ value }) => value)).toEqual([0.5, 0.7])
  })

  test('a curve that does not end above 0 has no onset', () => {
    expect(onsets([9, 5, 0], [0.5, 0, -0.1])).toEqual({ t10: null, t50: null, t90: null })
    expect(onsets([9, 5, 0], [0.2, 0.5, 1])).toEqual({ t10: 9, t50: 5, t90: 0 })
  })

  test('tells every step, and stops when told to', async () => {
    const seen: number[] = []
    await emergence(knownWorld(), flat([0]), [0, 1], { steps: 6 }, { onStep: (done, total) => void seen.push(done / total) })
    // inversion, control and two raised runs of 6; then the advice: an inversion, and runs of 2 … 6 steps for both prototypes
    expect(seen).toHaveLength(24 + 6 + 2 * 20)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(1)
    const stop = emergence(knownWorld(), flat([0]), [0], { steps: 5 }, { onStep: done => { if (done === 3) throw new Error('stopped') } }) // prettier-ignore
    await expect(stop).rejects.toThrow('stopped')
  })
})

describe('visualize', () => {
  test('shows the picture where the prototype ends highest, or the one where it rose most', async () => {
    // A world that follows s for quarter 0 only half way: what is bright already ends brighter, what is dark rises more.
    const known = knownWorld()
    const world: Patronus = {
      ...known,
      denoiser: s => known.denoiser(map(s, (v, i) => (i % 4 === 0 ? v + 0.1 * s.data[i + 1] : v))),
    }
    const x0 = flat([0.1, 0.9, 0.5])
    const [highest] = await visualize(world, x0, [0], { steps: 4, value: 2 })
    const [rise] = await visualize(world, x0, [0], { steps: 4, value: 2, choose: 'rise' })
    expect(highest.representative).toBe(1)
    expect(rise.representative).toBe(0)
    expect(highest.before[1]).toBeCloseTo(3.6, 4)
    expect(highest.after[0]).toBeCloseTo(2.04, 3)
  })

  test('boxes the cell with the smallest distance, exactly or as the authors draw it', async () => {
    const x0 = flat([0.5])
    const [exact, official] = await Promise.all([
      visualize(knownWorld(), x0, [3], { steps: 2 }),
      visualize(knownWorld(), x0, [3], { steps: 2, box: 'official' }),
    ])
    // 16 px: jump 2, field 15, a grid of 2×2; cell 3 is row 1, column 1 → exact [1,16), official [2, 2 + 14)
    expect(exact[0].box).toEqual({ x0: 1, y0: 1, x1: 16, y1: 16 })
    expect(official[0].box).toEqual({ x0: 2, y0: 2, x1: 16, y1: 16 })
  })

  test("the map's highest cell is the picture's own s", async () => {
    const x0 = toModel(map(gaussian([2, 16, 16, 3], 5), v => 0.5 + 0.2 * v), tinyConfig()) // prettier-ignore
    const [{ map: cells, after, representative }] = await visualize(tiny, x0, [2], { steps: 2 })
    expect(Math.max(...cells.data)).toBeCloseTo(after[representative], 3) // |Δs| ≤ Δd/(d + 1e-4), spec section 2
  })
})

describe('pictures', () => {
  test('go to the model and back unchanged when the size is right', () => {
    const picture = map(gaussian([1, 16, 16, 3], 1), v => Math.min(1, Math.max(0, v)))
    const back = fromModel(toModel(picture, tinyConfig()))
    expect(back.data.every((v, i) => Math.abs(v - picture.data[i]) < 1e-6)).toBe(true)
  })

  test('are greyed as PIL greys, and grey ones get three equal channels', () => {
    const config = { ...tinyConfig(), image: { height: 1, width: 1, channels: 1 } }
    expect(toModel(tensor([1, 1, 1, 3], [1, 0.5, 0]), config).data[0]).toBeCloseTo(2 * (0.299 + 0.5 * 0.587) - 1, 6)
    const color = toModel(tensor([1, 1, 1, 1], [0.75]), { ...tinyConfig(), image: { height: 1, width: 1, channels: 3 } })
    expect([...color.data]).toEqual([0.5, 0.5, 0.5])
  })

  test('are enlarged to square pixels, and a crop of an enlargement is the enlargement of the crop', () => {
    const image = tensor([1, 2, 3, 1], [0, 1, 2, 3, 4, 5])
    expect([...enlarge(image, 2).data]).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 3, 3, 4, 4, 5, 5])
    const box = { x0: 1, y0: 0, x1: 3, y1: 2 }
    expect(crop(enlarge(image, 3), { x0: 3, y0: 0, x1: 9, y1: 6 })).toEqual(enlarge(crop(image, box), 3))
  })

  test('a box covers no pixel inside it, and none that is not near it', () => {
    const image = map(zeros([1, 20, 20, 3]), () => 0.5)
    const drawn = drawBox(image, { x0: 8, y0: 8, x1: 12, y1: 12 })
    const changed = Array.from({ length: 400 }, (_, i) => i).filter(
      i => drawn.data[3 * i] !== 0.5 || drawn.data[3 * i + 2] !== 0.5,
    )
    expect(changed.length).toBe(10 * 10 - 4 * 4)
    for (const i of changed) {
      const [x, y] = [i % 20, Math.floor(i / 20)]
      expect(x >= 5 && x < 15 && y >= 5 && y < 15 && !(x >= 8 && x < 12 && y >= 8 && y < 12)).toBe(true)
    }
    expect(image.data.every(v => v === 0.5)).toBe(true)
  })

  test('a heat map is brightest at its highest cell, and its colours get lighter from end to end', () => {
    const overlay = heatOverlay(zeros([1, 16, 16, 3]), tensor([2, 2], [0, 0, 0, 1]), { jump: 2, start: 6.5 }, 1, 1)
    const light = (x: number, y: number) => overlay.data[(y * 16 + x) * 3] + overlay.data[(y * 16 + x) * 3 + 1]
    expect(light(8, 8)).toBeGreaterThan(light(7, 7))
    expect(light(7, 7)).toBeGreaterThan(light(5, 5))
    const lightness = Array.from({ length: 41 }, (_, i) => heatColor(i / 40)).map(
      ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b,
    )
    expect(lightness).toEqual([...lightness].sort((a, b) => a - b))
  })
})

describe('plots', () => {
  const plot: LinePlot = {
    title: '<script>alert(1)</script> & "more"',
    x: { label: 't', values: [999, 500, 0], reverse: true },
    y: { label: 's' },
    series: [
      { name: 'a', y: [0, 0.5, 1], band: [0.1, 0.1, 0.1] },
      { name: 'a (control)', y: [0, NaN, 0], dashed: true },
    ],
    marks: [{ x: 500, label: 'half' }],
  }

  test('are SVG that a renderer takes, with text kept as text', () => {
    const svg = plotSvg(plot)
    expect(svg).not.toContain('<script')
    expect(svg).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;')
    expect(svg).not.toContain('NaN')
    const { width, height } = new Resvg(svg, { font: { loadSystemFonts: false } }).render()
    expect([width, height]).toEqual([720, 450])
  })

  test('survive curves of any numbers', () => {
    const numbers = fc.array(fc.oneof(fc.double({ noDefaultInfinity: true }), fc.constantFrom(0, 1e-300, 1e300)), {
      minLength: 1,
      maxLength: 5,
    })
    fc.assert(
      fc.property(numbers, fc.string(), (y, name) => {
        const svg = plotSvg({
          ...plot,
          x: { label: 'x', values: y.map((_, i) => i) },
          series: [{ name, y, band: y.map(Math.abs) }],
          marks: [],
        })
        expect(svg.length).toBeLessThan(40_000)
        new Resvg(svg, { font: { loadSystemFonts: false } })
      }),
    )
  })

  test('have ticks at round numbers that cover the data', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1000, max: 1000, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        (from, span) => {
          const found = ticks(from, from + span, 6)
          expect(found[0]).toBeLessThanOrEqual(from + span * 1e-6)
          expect(found.at(-1)).toBeGreaterThanOrEqual(from + span - span * 1e-6)
          expect(found.length).toBeLessThanOrEqual(10)
        },
      ),
    )
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
  })
})

describe('levels', () => {
  test('a run from level t visits the timesteps below it, and t', () => {
    expect(timesUpTo(1000, 5, 600)).toEqual([0, 250, 500, 600])
    expect(timesUpTo(1000, 5, 999)).toEqual(timesteps(1000, 5))
  })

  test('an inversion stops at the visited timestep nearest to what was asked, never before its first step', () => {
    expect(nearestTime(1000, 5, 600)).toBe(500)
    expect(nearestTime(1000, 5, 1)).toBe(250)
    expect(nearestTime(1000, 2, 1)).toBe(999)
  })
})
