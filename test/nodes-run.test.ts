import type { Patronus } from '../engine/patronus.ts'
import { gaussian } from '../model/noise.ts'
import { linearSchedule, timesteps } from '../model/schedule.ts'
import { map, rows, tensor, zeros, type Tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import type { Noise, Table, Trace, Ui } from '../nodes/node.ts'
import { knownWorld } from './known-world.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

/** What the nodes do, on a tiny model with random weights: relations that hold for any weights. */

let model: Patronus
beforeAll(async () => void (model = await tinyPatronus()))
afterAll(() => model.dispose())

const pictures = (count: number, seed = 3): Tensor =>
  map(gaussian([count, 16, 16, 3], seed), v => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
type Result = Record<string, unknown> & { ui?: Ui }
const run = async (type: string, inputs: Record<string, unknown>, { context } = quietContext(model)): Promise<Result> =>
  (await catalog.get(type)!.run({ model, ...inputs }, context)) as Result
const encode = async (images: Tensor) => (await run('PatronusEncode', { images })).activations as Tensor
const furthest = (a: Tensor, b: Tensor) => a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0)

describe('Encode to s', () => {
  test('takes pictures of any size and grey ones, and gives one row of s a picture', async () => {
    expect((await encode(pictures(2))).shape).toEqual([2, 4])
    expect((await encode(zeros([1, 40, 23, 1]))).shape).toEqual([1, 4])
  })

  test('shows a table of s, strongest first, with the names and ranges of the checkpoint', async () => {
    const { ui, activations } = await run('PatronusEncode', { images: pictures(1) })
    const [table] = ui?.tables ?? []
    const s = table.rows.map(row => Number(row[table.columns.indexOf('s')]))
    expect(s).toEqual([...s].sort((a, b) => b - a))
    expect(s[0]).toBeCloseTo(Math.max(...(activations as Tensor).data), 3)
    expect(table.rows.find(row => row[0] === 1)?.[1]).toBe('corner')
    expect(ui?.text?.[0]).toContain('corner')
  })

  test('refuses pictures with four channels and says which it takes', () =>
    expect(encode(zeros([1, 16, 16, 4]))).rejects.toThrow('images should have 1 (grey) or 3 (RGB) channels, got 4'))
})

describe('Edit Prototype', () => {
  const s = tensor([2, 4], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
  const edit = async (inputs: Record<string, unknown>, patronus = model) => {
    const { activations, ui } = await run('PatronusEditPrototype', {
      model: patronus,
      activations: s,
      prototype: 0,
      mode: 'none',
      value: 0,
      ...inputs,
    })
    return { rows: [...(activations as Tensor).data].map(v => Number(v.toFixed(4))), text: ui?.text?.join('\n') ?? '' }
  }

  test('changes the chosen prototype in every picture and nothing else', async () => {
    expect((await edit({ mode: 'set', prototype: 2, value: 0.25 })).rows).toEqual([0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.25, 0.8])
    expect((await edit({ mode: 'add', prototype: 1, value: -0.1 })).rows).toEqual([0.1, 0.1, 0.3, 0.4, 0.5, 0.5, 0.7, 0.8])
    expect((await edit({})).rows).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
  })

  test("knows the prototype's own maximum and quantiles, linear in between", async () => {
    expect((await edit({ mode: 'maximum', prototype: 3 })).rows[3]).toBe(0.8)
    expect((await edit({ mode: 'quantile', prototype: 3, value: 0.95 })).rows[3]).toBe(0.3)
    expect((await edit({ mode: 'quantile', prototype: 3, value: 0.9 })).rows[3]).toBe(0.25)
    expect((await edit({ mode: 'quantile', prototype: 3, value: 0 })).rows[3]).toBe(0.01)
    expect((await edit({ mode: 'quantile', prototype: 3, value: 1 })).rows[3]).toBe(0.8)
  })

  test("raises to the paper's single number when asked, also beyond what was measured for the prototype, and says so", async () => {
    const raised = await edit({ mode: 'max(s_X)', prototype: 0 })
    expect([raised.rows[0], raised.rows[4]]).toEqual([0.8, 0.8])
    expect(raised.text).toContain('prototype 0: max(s_X) = 0.800 is more than was ever measured for it, 0.500')
    expect((await edit({ more_edits: '0 = max(s_X)\n0 - 0.1' })).rows[0]).toBe(0.5)
  })

  test('holds values between 0 and the measured maximum, and says so, unless asked to extrapolate', async () => {
    const held = await edit({ mode: 'set', value: 3 })
    expect(held.rows[0]).toBe(0.5)
    expect(held.text).toContain('prototype 0: 3.00 held back to 0.500, its measured maximum; turn on extrapolate to go further')
    expect((await edit({ mode: 'set', value: -1 })).rows[0]).toBe(0)
    expect((await edit({ mode: 'set', value: 3, extrapolate: true })).rows[0]).toBe(3)
  })

  test('applies more edits, line by line, each on what the one before left', async () => {
    const more_edits = '# a remark\n0 = 0.3\n0 + 0.1\n\n 1=max # corner\n2 = q50\n3 - 0.1\n3 = min'
    expect((await edit({ more_edits })).rows.slice(0, 4)).toEqual([0.4, 0.6, 0.1, 0.01])
  })

  test.each(['12', '1 = tall', 'x = 3', '1 + max', '1 = 1e999', '1 = q101', '1 = 2 = 3'])(
    'names the line it cannot read: %j',
    async line => {
      await expect(edit({ more_edits: `0 = 1\n${line}` })).rejects.toThrow(`more_edits, line 2: cannot read "${line}"`)
    },
  )

  test('names a prototype that is not there, and how many there are', () =>
    expect(edit({ more_edits: '9 = 1' })).rejects.toThrow('prototype 9 does not exist: "tiny" has 4; choose 0 … 3'))

  test("without measured ranges falls back to the paper's largest s of the batch, and refuses quantiles", async () => {
    const bare = await tinyPatronus({ ranges: false })
    expect((await edit({ mode: 'maximum', prototype: 1 }, bare)).rows[1]).toBe(0.8)
    expect((await edit({ mode: 'max(s_X)', prototype: 1 }, bare)).rows[1]).toBe(0.8)
    await expect(edit({ mode: 'quantile', value: 0.5 }, bare)).rejects.toThrow('has no measured ranges, so it has no quantile')
    expect((await edit({ mode: 'set', value: 99 }, bare)).rows[0]).toBeCloseTo(9.2104, 3)
  })

  test('refuses activations of another checkpoint', () =>
    expect(edit({ activations: zeros([1, 7]), mode: 'set' })).rejects.toThrow(
      'activations should be [B,4] for "tiny", got [1,7]',
    ))
})

describe('Fréchet Distance', () => {
  const measure = async (inputs: Record<string, unknown>, patronus = model) => {
    const result = await run('PatronusFrechetDistance', { model: patronus, seed: 0, ...inputs })
    return { table: result.table as Table, fd: result.distance as number, text: result.ui?.text?.join('\n') ?? '' }
  }
  const darker = (images: Tensor) => map(images, v => v / 3)

  test('is nothing between a batch and itself, and grows when one batch is darkened; the table names FD and KID, never FID', async () => {
    const [images, reference] = [pictures(20, 1), pictures(20, 2)]
    expect((await measure({ images, reference: images })).fd).toBeLessThan(1e-4)
    const [near, far] = [await measure({ images, reference }), await measure({ images: darker(images), reference })]
    expect(far.fd).toBeGreaterThan(2 * near.fd)
    expect(far.table.rows.map(row => row[0])).toEqual(['FD', 'KID'])
    expect(far.table.rows[0][1]).toBeCloseTo(far.fd, 4)
    expect(far.text).toContain('FD is not FID')
  })

  test('says when there are fewer pictures than features, and is silent about it when there are enough', async () => {
    expect((await measure({ images: pictures(15), reference: pictures(30) })).text).toContain('Only 15 pictures for 16 features')
    expect((await measure({ images: pictures(16), reference: pictures(30) })).text).not.toContain('Only')
  })

  test('needs two pictures a batch and names the input that has fewer; two are enough, of any size and grey', async () => {
    await expect(measure({ images: pictures(1), reference: pictures(5) })).rejects.toThrow(
      'images: wanted at least 2 pictures, got 1',
    )
    await expect(measure({ images: pictures(5), reference: pictures(1) })).rejects.toThrow('reference: wanted at least 2')
    const { fd, table } = await measure({ images: zeros([2, 9, 30, 1]), reference: pictures(2) })
    expect(fd).toBeGreaterThan(0)
    expect(table.rows[1][2]).toBeNull()
  })

  test('many pictures go by in parts, with progress and a chance to cancel', async () => {
    const quiet = quietContext(model)
    await run('PatronusFrechetDistance', { images: pictures(70), reference: pictures(3), seed: 0 }, quiet)
    expect(quiet.heard.progress).toEqual([[64, 73], [70, 73], [73, 73]]) // prettier-ignore
  })

  test('pictures that hold no numbers are refused as such', () =>
    expect(measure({ images: map(pictures(2), () => NaN), reference: pictures(2) })).rejects.toThrow('not finite numbers'))
})

describe('Invert DDIM and Sample DDIM', () => {
  const invert = async (inputs: Record<string, unknown> = {}) =>
    (await run('PatronusInvertDDIM', { images: pictures(1), steps: 50, ...inputs })).noise as Noise
  const sample = (inputs: Record<string, unknown>, quiet = quietContext(model)) =>
    run('PatronusSampleDDIM', { steps: 50, eta: 0, seed: 0, ...inputs }, quiet)

  /**
   * The same model with the best denoiser there is for pixels drawn from N(0, ½²), known in closed form: E[ε | x_t]. An untrained
   * network turns its mind at every step, and 1/√ᾱ_999 = 157 makes that huge; this one can be held to what the mathematics says.
   */
  const { alphaBar } = linearSchedule(1000)
  const exact = (): Patronus => ({
    ...model,
    denoiser: () => async (x, t) => {
      const a = alphaBar[t]
      return map(x, v => (v * Math.sqrt(1 - a)) / (a / 4 + 1 - a))
    },
  })

  test('lead back to the picture: the more steps, the nearer', async () => {
    const images = pictures(1)
    const activations = await encode(images)
    const far = async (steps: number) => {
      const noise = await invert({ model: exact(), steps })
      return furthest((await sample({ model: exact(), activations, noise, steps, watch_every: 0 })).image as Tensor, images)
    }
    const [coarse, fine] = [await far(10), await far(500)]
    expect(fine).toBeLessThan(coarse / 4)
    expect(fine).toBeLessThan(0.02) // x0 counts as x at level 0 and the last step jumps to ᾱ = 0, as in the authors' code
  })

  test('stop early for a partial edit, and go on from there', async () => {
    const noise = await invert({ model: exact(), stop_at: 300 })
    expect(Math.abs(noise.t - 300)).toBeLessThanOrEqual(11)
    const quiet = quietContext(model)
    const { image, trace } = await sample({ model: exact(), activations: await encode(pictures(1)), noise }, quiet)
    expect((trace as Trace).t[0]).toBe(noise.t)
    expect(quiet.heard.progress.at(-1)![1]).toBe(16) // 50 steps over 1000, of which 0 … 306
    expect(furthest(image as Tensor, pictures(1))).toBeLessThan(0.1) // 16 steps there and back; at 500 steps it is 0.02, above
  })

  test('preview every step, say s of the running picture, and keep both in the trace', async () => {
    const quiet = quietContext(model)
    const activations = await encode(pictures(1))
    const { trace, image } = await sample({ activations, noise: await noiseOf(1), steps: 7 }, quiet)
    expect(quiet.heard.previews).toHaveLength(7)
    expect(quiet.heard.progress).toEqual(Array.from({ length: 7 }, (_, i) => [i + 1, 7]))
    expect(quiet.heard.activations.map(({ t }) => t)).toEqual((trace as Trace).t)
    expect((trace as Trace).t[0]).toBe(999)
    expect((trace as Trace).t.at(-1)).toBe(0)
    expect((trace as Trace).x0.at(-1)!.data).toEqual((image as Tensor).data)
    const unwatched = await sample({ activations, noise: await noiseOf(1), steps: 3, watch_every: 0 })
    expect((unwatched.trace as Trace).activations).toBeUndefined()
    const seldom = quietContext(model)
    await sample({ activations, noise: await noiseOf(1), steps: 8, watch_every: 3 }, seldom)
    expect(seldom.heard.activations.map(({ t }) => timesteps(1000, 8).reverse().indexOf(t))).toEqual([0, 3, 6, 7])
  })

  test('thin a long trace to about a hundred frames, last step included', async () => {
    const { trace } = await sample({
      model: exact(),
      activations: await encode(pictures(1)),
      noise: await noiseOf(1),
      steps: 1000,
      watch_every: 0,
    })
    expect((trace as Trace).t.length).toBeLessThanOrEqual(101)
    expect((trace as Trace).t.at(-1)).toBe(0)
  })

  test('are the same with the same seed, and differ with another seed only when eta is above 0', async () => {
    const activations = await encode(pictures(1))
    const noise = await noiseOf(1)
    const image = async (eta: number, seed: number) => (await sample({ activations, noise, steps: 5, eta, seed })).image as Tensor
    expect((await image(0, 1)).data).toEqual((await image(0, 2)).data)
    expect((await image(1, 1)).data).toEqual((await image(1, 1)).data)
    expect((await image(1, 1)).data).not.toEqual((await image(1, 2)).data)
  })

  test('use one noise for many s, and one s for many noises; other counts are refused', async () => {
    const s3 = await encode(pictures(3))
    const image = async (activations: Tensor, count: number) =>
      (await sample({ activations, noise: await noiseOf(count), steps: 2 })).image as Tensor
    const many = await image(s3, 1)
    expect(many.shape).toEqual([3, 16, 16, 3])
    // the middle one is what sampling it alone gives, up to summation order
    expect(furthest(rows(many, 1, 2), await image(rows(s3, 1, 2), 1))).toBeLessThan(1e-4)
    expect((await image(rows(s3, 0, 1), 4)).shape[0]).toBe(4)
    await expect(image(s3, 2)).rejects.toThrow('noise holds 2 images, but the activations are of 3')
  })

  test('start from a noised picture when one is linked, and explain start_at otherwise', async () => {
    const activations = await encode(pictures(1))
    const noise = await noiseOf(1)
    const quiet = quietContext(model)
    const { image } = await sample({ model: exact(), activations, noise, image: pictures(1), start_at: 20, steps: 100 }, quiet)
    expect(quiet.heard.progress.at(-1)![1]).toBe(3) // timesteps 0, 10 and 20
    expect(furthest(image as Tensor, pictures(1))).toBeLessThan(0.2) // noise of level 20 has σ = 0.08
    await expect(sample({ activations, noise, start_at: 300 })).rejects.toThrow('link image to noise that picture to 300')
    await expect(sample({ activations, noise: await invert({ stop_at: 200 }), image: pictures(1) })).rejects.toThrow(
      'noise should be pure',
    )
  })

  test('refuse noise of another size', async () => {
    const noise = { x: zeros([1, 8, 8, 3]), t: 999 }
    await expect(sample({ activations: await encode(pictures(1)), noise })).rejects.toThrow(
      'noise should be [B,16,16,3] for "tiny", got [1,8,8,3]',
    )
  })

  test('stop within a step when the run is cancelled', async () => {
    const cancel = new AbortController()
    const quiet = quietContext(model, {}, cancel.signal)
    const running = sample({ activations: await encode(pictures(1)), noise: await noiseOf(1), steps: 500 }, quiet)
    setTimeout(() => cancel.abort(), 30)
    await expect(running).rejects.toThrow(/abort/i)
    const reached = quiet.heard.previews.length
    expect(reached).toBeLessThan(500)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(quiet.heard.previews).toHaveLength(reached)
  })
})

const noiseOf = async (count: number, seed = 1) => (await run('PatronusGaussianNoise', { seed, count })).noise as Noise

test('Gaussian Noise is a function of its seed, and fits the model', async () => {
  const noise = await noiseOf(2)
  expect(noise).toMatchObject({ t: 999, x: { shape: [2, 16, 16, 3] } })
  expect((await noiseOf(2)).x.data).toEqual(noise.x.data)
  expect((await noiseOf(2, 2)).x.data).not.toEqual(noise.x.data)
})

describe('Prior Sample', () => {
  const prior = async (inputs: Record<string, unknown>) =>
    (await run('PatronusPriorSample', { seed: 1, count: 2, steps: 10, method: 'ddim', ...inputs })).activations as Tensor

  test.each(['ddim', 'official-ddim', 'official-ddpm'])('%s gives finite s that depend on the seed alone', async method => {
    const s = await prior({ method })
    expect(s.shape).toEqual([2, 4])
    expect(s.data.every(Number.isFinite)).toBe(true)
    expect((await prior({ method })).data).toEqual(s.data)
    expect((await prior({ method, seed: 2 })).data).not.toEqual(s.data)
  })

  test('says so when the checkpoint has no prior', async () => {
    const bare = await tinyPatronus({ prior: false })
    await expect(prior({ model: bare })).rejects.toThrow('"tiny" has no prior')
  })
})

describe('Visualize Prototype', () => {
  const options = { prototype: 1, steps: 4, raise_to: 'maximum', value: 1 }

  test('frames the patch of the picture in which the prototype ends highest', async () => {
    const { boxed, patch, heat, images, scores, ui } = (await run('PatronusVisualizePrototype', {
      images: pictures(3),
      ...options,
    })) as Result & {
      boxed: Tensor
      patch: Tensor
      heat: Tensor
      images: Tensor
      scores: Table
    }
    expect(boxed.shape).toEqual([1, 256, 256, 3])
    expect(heat.shape).toEqual([1, 256, 256, 3])
    expect(images.shape).toEqual([3, 16, 16, 3])
    expect(patch.shape[1]).toBeGreaterThan(1)
    const after = scores.rows.map(row => Number(row[2]))
    expect(scores.rows.findIndex(row => row[4] === 'shown')).toBe(after.indexOf(Math.max(...after)))
    expect(scores.title).toBe('Prototype 1 corner raised to 0.6')
    expect(ui?.images).toHaveLength(2)
    expect(ui?.text?.[0]).toContain('s before')
  })

  test("raises to the paper's single number, the largest of all measured maxima, when asked", async () => {
    const { scores } = await run('PatronusVisualizePrototype', { images: pictures(1), ...options, raise_to: 'max(s_X)' })
    expect((scores as Table).title).toBe('Prototype 1 corner raised to 0.8')
  })

  test('refuses a prototype that is not there before it computes anything', async () => {
    const quiet = quietContext(model)
    await expect(run('PatronusVisualizePrototype', { images: pictures(1), ...options, prototype: 4 }, quiet)).rejects.toThrow(
      'choose 0 … 3',
    )
    expect(quiet.heard.previews).toEqual([])
  })
})

describe('Trace Emergence', () => {
  const trace = (inputs: Record<string, unknown>, quiet = quietContext(model)) =>
    run(
      'PatronusTraceEmergence',
      { images: pictures(2), prototypes: '0, 2-3', steps: 4, raise_to: 'maximum', value: 1, ...inputs },
      quiet,
    )

  test('gives a curve with band and a control for each prototype, over falling timesteps', async () => {
    const quiet = quietContext(model)
    const { plot, table, picture, strip, ui } = (await trace({}, quiet)) as Result & {
      plot: NonNullable<Ui['plots']>[0]
      table: Table
      picture: Tensor
      strip: Tensor
    }
    expect(plot.x.values).toEqual([999, 666, 333, 0])
    expect(plot.series.map(({ name }) => name)).toEqual([0, 2, 3].flatMap(j => [`prototype ${j}`, `prototype ${j} (control)`]))
    for (const { y, band } of plot.series) expect([y.length, band?.length]).toEqual([4, 4])
    expect(table.rows.map(row => row[0])).toEqual(['0', '2', '3'])
    for (const row of table.rows) expect(row).toHaveLength(table.columns.length)
    expect(table.rows.flat().some(cell => typeof cell === 'number' && !Number.isFinite(cell))).toBe(false)
    // inversion, control, three raised; then the advice: an inversion and three edits from levels of 2, 3 and 4 steps
    expect(quiet.heard.progress.at(-1)).toEqual([4 * 5 + 4 + 3 * 9, 4 * 5 + 4 + 3 * 9])
    expect([picture.shape[3], strip.shape[3]]).toEqual([3, 3])
    expect(ui).toMatchObject({ plots: [plot], tables: [table], images: [expect.anything(), expect.anything()] })
  })

  test('leaves the edit depth out when no advice is wanted', async () => {
    const quiet = quietContext(model)
    const { table, plot } = (await trace({ advise: false }, quiet)) as Result & {
      table: Table
      plot: NonNullable<Ui['plots']>[0]
    }
    expect(table.rows.map(row => row[table.columns.indexOf('edit depth t')])).toEqual([null, null, null])
    expect(plot.marks).toEqual([])
    expect(quiet.heard.progress.at(-1)).toEqual([20, 20])
  })

  test.each([
    ['', 'wanted 1 to 16 numbers'],
    ['0-99', 'wanted 1 to 16 numbers'],
    ['smile', 'cannot read "smile" as prototypes'],
    ['3-1', 'cannot read "3-1"'],
    ['7', 'prototype 7 does not exist'],
  ])('refuses %j', async (prototypes, message) => {
    await expect(trace({ prototypes })).rejects.toThrow(message)
  })
})

describe('Partial Edit', () => {
  const options = { prototypes: '2', raise_to: 'value', value: 0.5, depth: 'value', stop_at: 500, steps: 5 }
  const edit = (inputs: Record<string, unknown>, quiet = quietContext(model)) =>
    run('PatronusPartialEdit', { images: pictures(2), ...options, ...inputs }, quiet)

  test('gives what Invert, Edit and Sample give with that depth, and the pictures without the edit', async () => {
    const quiet = quietContext(model)
    const images = pictures(2)
    const {
      images: edited,
      control,
      table,
      depth,
      ui,
    } = (await edit({ images }, quiet)) as Result & {
      images: Tensor
      control: Tensor
      table: Table
    }
    const s = await encode(images)
    const { activations } = await run('PatronusEditPrototype', { activations: s, prototype: 2, mode: 'set', value: 0.5 })
    const { noise } = await run('PatronusInvertDDIM', { images, steps: 5, stop_at: 500 })
    const sample = async (wanted: unknown) =>
      (await run('PatronusSampleDDIM', { activations: wanted, noise, steps: 5, eta: 0, seed: 0 })).image as Tensor
    expect(furthest(edited, await sample(activations))).toBe(0)
    expect(furthest(control, await sample(s))).toBe(0)
    expect(depth).toBe(500)
    // to 500 two steps back and three forward; the full edit takes ten
    expect(table.rows.map(row => row.slice(0, 4))).toEqual([['partial', 500, 5, 50], ['full', 999, 10, 0]]) // prettier-ignore
    expect(quiet.heard.progress.at(-1)).toEqual([1000, 1000])
    expect(ui).toMatchObject({ tables: [table], images: [expect.anything(), expect.anything()] })
  })

  test('compares with the full edit when told to, with no number missing that exists', async () => {
    const { table } = (await edit({ compare: true })) as Result & { table: Table }
    expect(table.rows.map(row => row[1]).slice(0, 2)).toEqual([500, 999])
    for (const row of table.rows) for (const cell of row.slice(1)) expect(Number.isFinite(cell)).toBe(true)
  })

  test('takes the least depth that keeps the strength when asked for advice; when no depth makes the edit it goes all the way and says so', async () => {
    // In this world every run ends in what s asks for, so the first step back is enough.
    const obedient = { model: knownWorld(model), depth: 'advised', prototypes: '0', value: 3, extrapolate: true }
    expect((await edit(obedient)).depth).toBe(250)
    const deaf = { ...model, denoiser: (s: Tensor) => model.denoiser(map(s, () => 0)) }
    // Whichever way the way there and back moves s by itself, one of the two asks for the other.
    const against = ['0 = 5', '0 = 0']
    const answers = await Promise.all(
      against.map(more_edits =>
        edit({ model: deaf, images: pictures(1), depth: 'advised', prototypes: '', more_edits, extrapolate: true }),
      ),
    )
    const [unmade] = answers.filter(({ ui }) => ui?.text?.some(text => text.startsWith('no depth makes this edit')))
    expect(unmade.depth).toBe(999)
  })

  test.each([
    [{ prototypes: '' }, 'change nothing in s'],
    [{ prototypes: '9' }, 'prototype 9 does not exist'],
    [{ prototypes: 'hair' }, 'cannot read "hair" as prototypes'],
    [{ more_edits: '2 = high' }, 'more_edits, line 1: cannot read "2 = high"'],
  ])('refuses %j', async (inputs, message) => expect(edit(inputs)).rejects.toThrow(message))
})

test('Load Image gives the picture and 1 - alpha, also when ComfyUI wrote the folder behind the name', async () => {
  const files = { 'avatar-01.png': 'workflows/images/avatar-01.png' }
  const { image, mask } = await run('LoadImage', { image: 'avatar-01.png [input]' }, quietContext(model, files))
  expect((image as Tensor).shape).toEqual([1, 64, 64, 3])
  expect((mask as Tensor).shape).toEqual([1, 64, 64])
  expect(Math.max(...(mask as Tensor).data)).toBe(0)
})

test('Batch Images keeps order, and brings later pictures to the size and colours of the first', async () => {
  const first = pictures(2)
  const { images } = await run('PatronusBatchImages', { image_1: first, image_3: zeros([1, 30, 20, 1]), image_2: pictures(1, 9) })
  expect((images as Tensor).shape).toEqual([4, 16, 16, 3])
  expect(rows(images as Tensor, 0, 2).data).toEqual(first.data)
  expect(Math.max(...rows(images as Tensor, 3, 4).data)).toBe(0)
})

test('Save Image passes its prefix on, and keeps what Preview Image throws away', async () => {
  const quiet = quietContext(model)
  await run('SaveImage', { images: pictures(1), filename_prefix: 'a/b' }, quiet)
  await run('PreviewImage', { images: pictures(1) }, quiet)
  expect(quiet.heard.saved).toMatchObject([{ type: 'output', prefix: 'a/b' }, { type: 'temp' }])
})
