import { agreement } from '../analysis/agreement.ts'
import { reconstruct, samplesFrom, squaredErrors } from '../analysis/conditional-samples.ts'
import { facts } from '../analysis/data-set.ts'
import { pooledFeatures } from '../analysis/features.ts'
import { measureLatents } from '../analysis/measure.ts'
import { fromTensor } from '../analysis/metrics/matrix.ts'
import { probeAccuracy } from '../analysis/metrics/probe.ts'
import { meanOf, quantile } from '../analysis/metrics/statistics.ts'
import { suggestNames } from '../analysis/name-suggestions.ts'
import { matchPrototypes, nearestCosines } from '../analysis/prototype-similarity.ts'
import { latentQuality, spreadOf } from '../analysis/quality.ts'
import { rows, type Tensor } from '../model/tensor.ts'
import { featuresOf, measureDistances } from '../train/quality-distance.ts'
import { qualityPage } from '../train/quality-page.ts'
import { markdown, type QualityReport } from '../train/quality-report.ts'
import { classesOf, labelsOf, noPictures, sOf, type Analysis, type Answer, type Subject } from './analysis-subject.ts'
import { brightReader } from './bright-reader.ts'

/** Every measure that analysis/ takes of a model, at its smallest, and all of them together on the page of `patronus quality`. */

const options = { steps: 2, batch: 64 }
const seed = 1

/** Each from noise of its own, so there is nothing that could be remembered. */
const drawn = 20

/** As of a set with neither attributes nor classes. */
const labelless = ({ attributes: _, classes: __, ...rest }: QualityReport) => ({ report: rest })

/** As train/quality.ts puts it together, with the model's own s in the place of the control. */
async function quality(subject: Subject): Promise<Answer> {
  const { patronus, data, x0 } = subject
  const { info, id } = patronus
  const s = await sOf(subject)
  const back = await reconstruct(patronus, x0, options)
  const samples = await samplesFrom(patronus, rows(s, 0, Math.min(drawn, s.shape[0])), { ...options, seed: 1 })
  const errors = squaredErrors(x0, back).sort()
  const half = samples.shape[0] >> 1
  const sets = { drawn: rows(samples, 0, half), sources: rows(x0, 0, half), others: rows(x0, half, 2 * half) }
  const labels = labelsOf(data)
  const read = async (images: Tensor) =>
    agreement(
      brightReader.names,
      labels.map(all => all.subarray(0, images.shape[0])),
      await brightReader.probabilities(images),
    )
  const latent = labels.length ? latentQuality(s, labels) : undefined
  const probe = () => ({ images: s.shape[0], trained: probed, control: probed })
  const probed = probeAccuracy(fromTensor(s), classesOf(data))
  const report: QualityReport = {
    checkpoint: { name: info.name, id, dataset: info.dataset, prototypes: info.config.prototypes.count },
    settings: { steps: options.steps, seed: 1, device: 'cpu', seconds: 0 },
    reconstruction: {
      images: x0.shape[0],
      mean: meanOf([...errors]) ?? 0,
      median: quantile(errors, 0.5),
      worst: quantile(errors, 1),
    },
    spread: spreadOf(s),
    controlSpread: spreadOf(s),
    ...(half >= 2 && { fd: await measureDistances(featuresOf(patronus), sets, 1) }),
    ...(latent && {
      attributes: {
        names: brightReader.names,
        trained: latent,
        control: latent,
        reading: {
          images: samples.shape[0],
          originals: await read(x0),
          reconstructions: await read(back),
          samples: await read(samples),
        },
      },
    }),
    classes: { ...probe(), names: ['0', '1', '2', '3'], training: probe() },
  }
  const sheet = [
    { name: 'test picture', images: x0 },
    { name: 'reconstruction', images: back },
  ]
  const page = qualityPage({ report, dataSet: data.name, sheet, sources: true, errors }, [])
  return {
    found: [report, markdown(report, { command: 'patronus quality', sheet: 'tiny.png', sources: true })],
    reports: [page, qualityPage({ ...labelless(report), dataSet: data.name, sheet, sources: false, errors }, [])],
  }
}

export const everyMeasure: readonly Analysis[] = [
  {
    name: 'names that attributes suggest',
    async ask(subject) {
      const s = await sOf(subject)
      return { found: suggestNames(s, facts(subject.data), s, { threshold: 0.5 }) }
    },
    // Where nothing is known there is nothing to suggest.
    refuses: {},
  },
  {
    name: 'measures of disentanglement',
    async ask(subject) {
      const s = await sOf(subject)
      return { found: [measureLatents(s, facts(subject.data), s), measureLatents(s, facts(subject.data))] }
    },
    refuses: {
      'no pictures': /^measure: wants at least 10 pictures \(better 200\), got 0/,
      'one picture': /^measure: wants at least 10 pictures \(better 200\), got 1/,
      'no attributes': /^measure: these pictures have no attributes; give a data set with an attribute table$/,
    },
  },
  {
    name: 'probe of classes',
    ask: async subject => ({ found: probeAccuracy(fromTensor(await sOf(subject)), classesOf(subject.data)) }),
    refuses: {
      'no pictures': /^kFold: 5 folds want at least 5 pictures, got 0; give more$/,
      'one picture': /^kFold: 5 folds want at least 5 pictures, got 1; give more$/,
    },
  },
  {
    name: 'quality and its page',
    ask: quality,
    refuses: {
      'no pictures': noPictures('reconstruction'),
      'one picture': /^split: wants at least 2 pictures, to fit on some and judge on others; got 1$/,
    },
  },
  {
    name: 'distribution of s',
    ask: async subject => ({ found: spreadOf(await sOf(subject)) }),
    refuses: { 'no pictures': noPictures('distribution of s') },
  },
  {
    name: 'samples from s',
    async ask(subject) {
      const s = await sOf(subject)
      return { found: await samplesFrom(subject.patronus, rows(s, 0, Math.min(drawn, s.shape[0])), { ...options, seed }) }
    },
    refuses: { 'no pictures': noPictures('samples from s') },
  },
  {
    name: 'features of pictures',
    ask: async ({ patronus, x0 }) => ({ found: await pooledFeatures(patronus, x0) }),
    refuses: { 'no pictures': noPictures('features of pictures') },
  },
  {
    name: 'agreement of a reader with the labels',
    ask: async ({ data, x0 }) => ({
      found: agreement(brightReader.names, labelsOf(data), await brightReader.probabilities(x0)),
    }),
    refuses: {
      'no pictures': noPictures('agreement'),
      'no attributes': /^agreement: 2 attributes of 12 pictures were read, but there are labels of none .*; give the labels/,
    },
  },
  {
    name: 'likeness of prototypes',
    async ask(subject) {
      const s = await sOf(subject)
      return { found: [nearestCosines(subject.vectors), matchPrototypes(s, s)] }
    },
    refuses: {},
  },
]
