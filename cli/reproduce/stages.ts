import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Report } from '../../analysis/report.ts'
import type { DeviceName } from '../../engine/device.ts'
import type { QualityReport } from '../../train/quality-report.ts'
import type { Reporter } from '../../train/progress.ts'
import { factsOf } from '../facts.ts'
import { namesOf } from '../kept-names.ts'
import { withSubject, type Subject } from '../subject.ts'
import type { Claim } from './claim.ts'
import {
  ablationClaims,
  atlasClaims,
  couplingClaims,
  emergenceClaims,
  qualityClaims,
  shortcutClaims,
  type Telling,
} from './claims.ts'

/** The experiments, each a part that can be made alone. */

export type Setting = {
  /** Folder of avatars64, avatars64-biased and fmnist32. */
  readonly checkpoints: string
  /** Folder of pages, training runs and finished parts. */
  readonly work: string
  readonly pictures: number
  readonly steps: number
  readonly seed: number
  readonly device: DeviceName
  readonly reporter: Reporter
  readonly signal: AbortSignal
}

export type Experiment = {
  readonly name: string
  readonly title: string
  /** Files of `checkpoints` that it asks. */
  readonly asks: readonly string[]
  readonly command: string
  run(setting: Setting): Promise<readonly Claim[]>
}

const fileOf = ({ checkpoints }: Setting, name: string) => path.join(checkpoints, `${name}.safetensors`)
const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  )

const about = <T>(setting: Setting, name: string, run: (subject: Subject) => Promise<T>): Promise<T> =>
  withSubject(fileOf(setting, name), { device: setting.device, seed: setting.seed }, run)

/** With avatars64 beside it, the model without the shortcut. */
async function beside<T>(setting: Setting, { device }: Subject, run: (clean: Subject['patronus']) => Promise<T>): Promise<T> {
  const { loadPatronus } = await import('../../engine/load.ts')
  const clean = await loadPatronus(fileOf(setting, 'avatars64'), { device })
  try {
    return await run(clean)
  } finally {
    await clean.dispose()
  }
}

async function page({ work }: Setting, name: string, report: Report): Promise<void> {
  const { writeReport } = await import('../report-files.ts')
  await writeReport(path.join(work, 'reports'), name, report)
}

/** The report that lies in docs/results where it is about this very file; else it is measured. */
async function qualityOf(setting: Setting, name: string): Promise<QualityReport> {
  const { qualityReport } = await import('../../train/quality.ts')
  const { qualityPage } = await import('../../train/quality-page.ts')
  const { readCheckpoint } = await import('../../engine/checkpoint/safetensors.ts')
  const text = await readFile(path.join('docs', 'results', `${name}.json`), 'utf8').catch(() => undefined)
  const kept = text === undefined ? undefined : (JSON.parse(text) as QualityReport)
  if (kept && kept.checkpoint.id === (await readCheckpoint(fileOf(setting, name))).id) return kept
  const { device, seed, signal, reporter, work } = setting
  const names = (id: string) => namesOf(id, 'data')
  const measured = await qualityReport(fileOf(setting, name), {
    device,
    seed,
    signal,
    reporter,
    output: work,
    names,
    sources: name !== 'fmnist32',
  })
  const { report, dataSet, device: chosen } = measured
  const facts = await factsOf({ checkpoints: [report.checkpoint], dataSet, seed, device: chosen })
  await page(setting, `${name}-quality`, qualityPage(measured, facts))
  return report
}

const quality: Experiment = {
  name: 'quality',
  title: 'What s holds',
  asks: ['avatars64', 'fmnist32'],
  command: 'patronus quality checkpoints/avatars64.safetensors',
  async run(setting) {
    const faces = qualityClaims(await qualityOf(setting, 'avatars64'))
    const hasGarments = (await exists(path.join('docs', 'results', 'fmnist32.json'))) || (await exists('data/fmnist'))
    if (hasGarments) return [...faces, ...qualityClaims(await qualityOf(setting, 'fmnist32'))]
    const held = null
    const measured = 'Fashion-MNIST is not in data/fmnist'
    return [...faces, { claim: "fmnist32: the probe names the class as often as the paper's .82", source: 'paper, Table 2', measured, held }] // prettier-ignore
  },
}

const atlas: Experiment = {
  name: 'atlas',
  title: 'What prototypes look like',
  asks: ['avatars64'],
  command: 'patronus atlas checkpoints/avatars64.safetensors',
  run: setting =>
    about(setting, 'avatars64', async subject => {
      const [{ drawAtlas }, { atlasReport }] = await Promise.all([
        import('../draw-atlas.ts'),
        import('../../analysis/reports/atlas.ts'),
      ])
      const made = await drawAtlas(subject, subject.patronus, drawing)
      await page(setting, 'atlas', atlasReport(made, subject.patronus.info, subject.facts))
      return atlasClaims(made)
    }),
}

const drawing = { faces: 8, steps: 25, batch: 32 } as const

const emergence: Experiment = {
  name: 'emergence',
  title: 'When they appear',
  asks: ['avatars64'],
  command: 'patronus emergence checkpoints/avatars64.safetensors --compare',
  run: setting =>
    about(setting, 'avatars64', async subject => {
      const [{ traceEmergence }, { emergenceReport }] = await Promise.all([
        import('../emergence.ts'),
        import('../../analysis/reports/emergence.ts'),
      ])
      const { pictures: images, steps, seed } = setting
      const { info } = subject.patronus
      // Half the steps, since there are many prototypes: the order of their onsets asks for no finer grid.
      const all = { prototypes: 'all', images, steps: Math.ceil(steps / 2), seed, advice: false } as const
      const found = await traceEmergence(subject, all)
      const rising = found.found.prototypes.filter(({ rises }) => rises).map(({ prototype }) => prototype)
      // Comparing edits costs ten runs a prototype: every so many of those that rise.
      const some = rising.filter((_, i) => i % Math.ceil(rising.length / compared) === 0)
      const prototypes = some.join(',')
      const edited = await traceEmergence(subject, { prototypes, images, steps, seed, advice: true, compare: true })
      await page(setting, 'emergence', emergenceReport(found.found, { info, facts: subject.facts, edits: edited.edits, seed }))
      return emergenceClaims(found.found, edited.edits, some.length, seed)
    }),
}

/** Prototypes of which both edits are made. */
const compared = 12

const shortcut: Experiment = {
  name: 'shortcut',
  title: 'What a model learned by mistake',
  asks: ['avatars64', 'avatars64-biased'],
  command: 'patronus diagnose checkpoints/avatars64-biased.safetensors --control checkpoints/avatars64.safetensors',
  run: setting =>
    about(setting, 'avatars64-biased', subject => beside(setting, subject, clean => diagnosed(setting, subject, clean))),
}

async function diagnosed(setting: Setting, subject: Subject, clean: Subject['patronus']): Promise<Claim[]> {
  const [{ examine }, { suspiciousPairs, exclusiveGroups }, { diagnoseReport }] = await Promise.all([
    import('../../analysis/examine.ts'),
    import('../../analysis/diagnose.ts'),
    import('../../analysis/reports/diagnose.ts'),
  ])
  const { patronus, test, facts } = subject
  const { pictures, steps, seed } = setting
  const claims: Claim[] = []
  for (const { name, words, ...way } of ways) {
    const how = { top: 2, ...way, pictures, latents: 1000, steps, seed, batch: 16 }
    const ask = async (model: typeof patronus, random: number) =>
      examine(model, test, await subject.reader(), { ...how, random }, hooksOf(setting, model.info.name))
    const { diagnosis, random } = await ask(patronus, 4)
    const control = { info: clean.info, diagnosis: (await ask(clean, 0)).diagnosis }
    const pairs = suspiciousPairs(diagnosis, random, control.diagnosis, exclusiveGroups(test))
    const all = { info: patronus.info, diagnosis, random, pairs, control }
    await page(setting, `shortcuts-${name}`, diagnoseReport(all, facts))
    claims.push(...shortcutClaims(words, diagnosis, control.diagnosis))
  }
  return claims
}

/** As in the paper; milder, all of s; and the same where no noise of the picture's own holds on to what it shows, for every pair. */
const ways = [
  {
    name: 'paper',
    edit: 'maximum',
    attributes: ['black hair'],
    noise: 'inverted',
    words: "its two prototypes of highest AUROC to their maximum, from the picture's own noise",
  },
  {
    name: 'usual',
    edit: 'usual',
    attributes: ['black hair'],
    noise: 'inverted',
    words: "all of s by what is usual with it and not without, from the picture's own noise",
  },
  { name: 'all', edit: 'usual', noise: 'fresh', words: 'all of s by what is usual with it and not without, from fresh noise' },
] as const

const hooksOf = ({ reporter, signal }: Setting, what: string) => ({
  onStep(done: number, total: number) {
    signal.throwIfAborted()
    reporter.step(done, total, what)
  },
})

const couplings: Experiment = {
  name: 'couplings',
  title: 'The same without labels',
  asks: ['avatars64', 'avatars64-biased'],
  command: 'patronus couplings checkpoints/avatars64-biased.safetensors --control checkpoints/avatars64.safetensors',
  run: setting =>
    about(setting, 'avatars64-biased', subject => beside(setting, subject, clean => coupled(setting, subject, clean))),
}

/** More pictures and fewer steps than an atlas: an interval over eight is wide. */
const coupling = { faces: 24, steps: 12, batch: 32, latents: 500, edit: 'usual', noise: 'fresh' } as const

async function coupled(setting: Setting, subject: Subject, clean: Subject['patronus']): Promise<Claim[]> {
  const [{ findCouplings }, { couplingsReport }] = await Promise.all([
    import('../couplings.ts'),
    import('../../analysis/reports/couplings.ts'),
  ])
  const { patronus, facts } = subject
  const found = await findCouplings(subject, clean, { ...coupling, seed: setting.seed })
  await page(setting, 'couplings', couplingsReport({ info: patronus.info, control: clean.info, ...found }, facts))
  return couplingClaims(found.couplings, await telling(subject, patronus), await telling(subject, clean))
}

/** The ten prototypes that tell each of the authors' attributes best, by presence or absence: hair colours, smiling (spec 6.8, step 3). */
async function telling({ test }: Subject, model: Subject['patronus']): Promise<Telling> {
  const [{ encodeIn }, { attribute, firstPictures }, { aurocMatrix }, { fromTensor }] = await Promise.all([
    import('../../analysis/batches.ts'),
    import('../../analysis/data-set.ts'),
    import('../../analysis/metrics/auroc.ts'),
    import('../../analysis/metrics/matrix.ts'),
  ])
  const { s } = await encodeIn(model, firstPictures(test, 1000))
  const best = (name: string) => {
    const [row] = aurocMatrix(fromTensor(s), [attribute(test, name).subarray(0, 1000)])
    const order = [...(row ?? [])].map((value, j) => ({ value, j })).sort((a, b) => b.value - a.value)
    return new Set(order.slice(0, 10).map(({ j }) => j))
  }
  const hair = ['black hair', 'blond hair', 'brown hair'].flatMap(name => [...best(name)])
  return { hair: new Set(hair), mouth: best('smiling') }
}

const ablation: Experiment = {
  name: 'ablation',
  title: 'The distinct loss',
  asks: [],
  command: 'patronus reproduce --only ablation',
  async run({ work, device, reporter, signal }) {
    const { distinctAblation } = await import('../../train/ablation.ts')
    return ablationClaims(await distinctAblation({ out: path.join(work, 'distinct'), device, reporter, signal }))
  },
}

export const experiments: readonly Experiment[] = [quality, atlas, emergence, shortcut, couplings, ablation]

/** All that decides an experiment's answer, as a key for what was finished before. */
export async function keyOf({ asks, name }: Experiment, setting: Setting): Promise<string> {
  const { pictures, steps, seed } = setting
  const hash = createHash('sha256').update(JSON.stringify([name, pictures, steps, seed]))
  for (const file of asks) hash.update(await readFile(fileOf(setting, file)).catch(() => 'none'))
  return hash.digest('hex').slice(0, 16)
}
