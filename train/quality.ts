import { basename, join } from 'node:path'
import { chooseDevice, type DeviceChoice, type DeviceName } from '../engine/device.ts'
import { openInception, type FeatureNetwork } from '../engine/inception.ts'
import { loadPatronus } from '../engine/load.ts'
import type { Patronus } from '../engine/patronus.ts'
import { withNames } from '../analysis/naming.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { agreement } from '../analysis/agreement.ts'
import { encodeAll } from '../analysis/batches.ts'
import { reconstruct, samplesFrom, squaredErrors } from '../analysis/conditional-samples.ts'
import { fromTensor } from '../analysis/metrics/matrix.ts'
import { probeAccuracy } from '../analysis/metrics/probe.ts'
import { meanOf, quantile } from '../analysis/metrics/statistics.ts'
import { latentQuality, spreadOf } from '../analysis/quality.ts'
import type { Classifier, ClassifierTraining } from './classifier.ts'
import type { DataConfig } from './config.ts'
import { dataOf } from './data-of.ts'
import { untrainedControl } from './control.ts'
import { attribute, countOf, firstPictures, pictureBatches, picturesFrom, type DataSet } from '../analysis/data-set.ts'
import { loadData } from './datasets/load.ts'
import { writeWhole } from './files.ts'
import { silent, type Reporter } from './progress.ts'
import { featuresOf, inceptionFeatures, measureDistances, type Distances, type Sets } from './quality-distance.ts'
import { avatarReader, isFaces } from './readers.ts'
import type { Measured, SheetRow } from './quality-page.ts'
import { markdown, type AttributeQuality, type Probed, type QualityReport } from './quality-report.ts'
import { seedFor } from './seeds.ts'
import { writeSheet } from './sheet.ts'

export type QualityOptions = {
  /** What the checkpoint was trained on; default: what its own provenance says. */
  readonly data?: DataConfig
  /** Test pictures drawn anew from their s. */
  readonly samples?: number
  /** Pictures that s is judged on; default 2,000 for attributes, for classes 10,000 of the test set and 20,000 of the training set. */
  readonly latents?: number
  /** Test pictures reconstructed. */
  readonly reconstructions?: number
  /** Network calls a picture, each way. */
  readonly steps?: number
  readonly seed?: number
  readonly device?: DeviceName
  /** Show the data set's own pictures in the sheet, and their reconstructions; default true. */
  readonly sources?: boolean
  /** Folder of the report. */
  readonly output?: string
  /** How the classifier is trained, and on how many faces of its own. */
  readonly classifier?: ClassifierTraining & { readonly images: number }
  /** An Inception-v3 as an ONNX file, [N,3,299,299] to [N,2048]: the FID is measured, too. */
  readonly inception?: string
  /** Folder of trained classifiers; false trains anew and keeps nothing. */
  readonly cache?: string | false
  /** What people call the prototypes of the checkpoint of that SHA-256; the page shows them, the JSON keeps numbers. */
  readonly names?: (id: string) => Promise<Readonly<Record<string, string>>>
  /** How a person would make this report again; written into it. */
  readonly command?: string
  readonly reporter?: Reporter
  readonly signal?: AbortSignal
}

type Job = Required<Pick<QualityOptions, 'samples' | 'reconstructions' | 'steps' | 'seed' | 'reporter'>> &
  QualityOptions & {
    readonly train: DataSet
    readonly test: DataSet
    readonly patronus: Patronus
    readonly network?: FeatureNetwork
  }

/**
 * Measures a checkpoint and writes `<output>/<name>.md`, `.json` and `.png`; what it gives back also makes the HTML page
 * (quality-page.ts). What each number means stands in the pages themselves; the same seed gives the same numbers on the same device.
 */
export async function qualityReport(
  checkpointPath: string,
  options: QualityOptions = {},
): Promise<Measured & { device: DeviceChoice }> {
  const began = performance.now()
  const { output = join('docs', 'results'), reporter = silent, sources = true } = options
  const device = await chooseDevice(options.device ?? 'auto')
  // Before anything that takes minutes: a file that does not fit is found out at once.
  const network = options.inception === undefined ? undefined : await openInception(options.inception, device)
  const patronus = await loadPatronus(checkpointPath, { device })
  try {
    const { train, test } = await loadData(options.data ?? dataOf(patronus.info), { signal: options.signal, reporter })
    const job: Job = { ...options, ...counts(options), reporter, train, test, patronus, network }
    const { sheet, errors, ...measured } = await measure(job)
    const name = basename(checkpointPath).replace(/\.safetensors$/, '')
    const report: QualityReport = {
      checkpoint: { name, id: patronus.id, dataset: patronus.info.dataset, prototypes: patronus.info.config.prototypes.count },
      settings: {
        steps: job.steps,
        seed: job.seed,
        device: device.device,
        seconds: (performance.now() - began) / 1000,
      },
      ...measured,
    }
    await writeSheet(
      join(output, `${name}.png`),
      sheet.map(({ images }) => images),
    )
    await writeWhole(join(output, `${name}.json`), [`${JSON.stringify(report, null, 2)}\n`])
    const { names } = withNames(patronus.info, (await options.names?.(patronus.id)) ?? {})
    const command = options.command ?? `patronus quality ${checkpointPath}`
    await writeWhole(join(output, `${name}.md`), [markdown(report, { command, sheet: `${name}.png`, sources, names })])
    return { report, dataSet: test.name, names, sheet, sources, errors, device }
  } finally {
    await patronus.dispose()
    await network?.dispose()
  }
}

const counts = ({ samples = 500, reconstructions = 100, steps = 50, seed = 1 }: QualityOptions) => ({
  samples,
  reconstructions,
  steps,
  seed,
})

/** The first `count` pictures of a set, telling how many are through. */
const batchesOf = (data: DataSet, count: number, reporter: Reporter, what: string): Iterable<Tensor> =>
  pictureBatches(data, { count, onBatch: (done, total) => reporter.step(done, total, what) })

async function measure(job: Job) {
  const { test, patronus, seed, signal, steps, reporter } = job
  const latents = Math.min(countOf(test), job.latents ?? (test.classes ? 10_000 : 2_000))
  const s = await activationsOf(job, test, latents, 's of test pictures')
  const control = await controlActivations(job, test, latents)
  const reconstructed = Math.min(countOf(test), job.reconstructions)
  const originals = firstPictures(test, reconstructed)
  const back = await reconstruct(patronus, originals, {
    steps,
    signal,
    onProgress: (done, total) => reporter.step(done, total, 'reconstructing'),
  })
  const drawn = Math.min(latents, job.samples)
  const draw = (count: number, at: number, what: string) =>
    samplesFrom(patronus, rows(s, 0, count), {
      steps,
      seed: seedFor('noise', seed, at),
      signal,
      onProgress: (done, total) => reporter.step(done, total, what),
    })
  const samples = await draw(drawn, 1, 'drawing from s')
  const columns = Math.min(12, drawn, reconstructed)
  const again = await draw(columns, 2, 'drawing once more')
  const errors = squaredErrors(originals, back).sort()
  // Faces can be drawn without end, so their classifier learns from its own; other sets have no pictures to spare.
  const classifier = isFaces(test)
    ? await avatarReader(test.attributes!.names, test.shape[0], { training: job.classifier, cache: job.cache, signal, reporter })
    : undefined
  try {
    return {
      reconstruction: {
        images: reconstructed,
        mean: meanOf([...errors]) ?? 0,
        median: quantile(errors, 0.5),
        worst: quantile(errors, 1),
      },
      spread: spreadOf(s),
      controlSpread: spreadOf(control),
      ...(await distances(job, samples, classifier)),
      ...(test.attributes && { attributes: await attributeQuality(job, s, control, samples, back, classifier) }),
      ...(test.classes && {
        classes: { ...probed(test, s, control), names: test.classes.names, training: await trainingProbe(job) },
      }),
      errors,
      sheet: [
        ...(job.sources === false ? [] : [{ name: 'test picture', images: originals }]),
        { name: 'drawn from its s', images: samples },
        { name: 'drawn once more', images: again },
        ...(job.sources === false ? [] : [{ name: 'reconstruction', images: back }]),
      ].map(({ name, images }): SheetRow => ({ name, images: rows(images, 0, columns) })),
    }
  } finally {
    await classifier?.dispose()
  }
}

/**
 * FD and KID of what was drawn, and FID where the user brings an Inception. Nothing is compared with the pictures it was
 * drawn from: they share what is peculiar to them. So half of the test pictures at most are drawn from, the others judge.
 */
async function distances(job: Job, samples: Tensor, classifier?: Classifier): Promise<{ fd?: Distances; fid?: Distances }> {
  const { test, patronus, seed, reporter, network } = job
  const n = Math.min(samples.shape[0], countOf(test) >> 1)
  if (n < 2) return {}
  const sets: Sets = { drawn: rows(samples, 0, n), sources: firstPictures(test, n), others: picturesFrom(test, n, 2 * n) }
  reporter.say('distance of drawn and real pictures')
  const subsets = seedFor('kid', seed)
  return {
    fd: await measureDistances(featuresOf(patronus, classifier), sets, subsets),
    ...(network && { fid: await measureDistances(inceptionFeatures(network), sets, subsets) }),
  }
}

/** s of the first `count` pictures. */
const activationsOf = ({ patronus, reporter, signal }: Job, data: DataSet, count: number, what: string): Promise<Tensor> =>
  encodeAll(async x => (await patronus.encode(x)).s, batchesOf(data, count, reporter, what), signal)

/** As the authors judge: on training pictures. A third of them is enough for the third digit. */
async function trainingProbe(job: Job): Promise<Probed> {
  const { train, latents = 20_000, reporter } = job
  const count = Math.min(countOf(train), latents)
  const s = await activationsOf(job, train, count, 's of training pictures')
  const control = await controlActivations(job, train, count)
  reporter.say('probing s of training pictures')
  return probed(train, s, control)
}

/** s of the first `count` pictures by the untrained control. */
async function controlActivations(
  { patronus, train, seed, reporter, signal }: Job,
  data: DataSet,
  count: number,
): Promise<Tensor> {
  const control = await untrainedControl(patronus.info.config, train, { images: Math.min(512, countOf(train)), seed })
  try {
    return await encodeAll(control.activations, batchesOf(data, count, reporter, 's of the untrained control'), signal)
  } finally {
    await control.dispose()
  }
}

async function attributeQuality(
  { test, reporter }: Job,
  s: Tensor,
  control: Tensor,
  samples: Tensor,
  back: Tensor,
  classifier?: Classifier,
): Promise<AttributeQuality> {
  const { names } = test.attributes!
  const labels = (count: number) => names.map(name => attribute(test, name).subarray(0, count))
  reporter.say('probing s')
  const latent = { names, trained: latentQuality(s, labels(s.shape[0])), control: latentQuality(control, labels(s.shape[0])) }
  if (!classifier) return latent
  const read = async (images: Tensor) => agreement(names, labels(images.shape[0]), await classifier.probabilities(images))
  const originals = await read(firstPictures(test, s.shape[0]))
  return {
    ...latent,
    reading: { images: samples.shape[0], originals, reconstructions: await read(back), samples: await read(samples) },
  }
}

function probed({ classes: known }: DataSet, s: Tensor, control: Tensor): Probed {
  const classes = known!.values.subarray(0, s.shape[0])
  return {
    images: s.shape[0],
    trained: probeAccuracy(fromTensor(s), classes),
    control: probeAccuracy(fromTensor(control), classes),
  }
}
