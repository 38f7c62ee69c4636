import { strongest } from '../analysis/activation-table.ts'
import { makeAtlas } from '../analysis/atlas.ts'
import { batches } from '../analysis/batches.ts'
import { blendActivations, blendModes, chosenPrototypes, interpolate, variations } from '../analysis/blend.ts'
import { changeMap, changeOf, shareInside } from '../analysis/change.ts'
import { compareEdits } from '../analysis/compare-edits.ts'
import { couplings, readAnswers } from '../analysis/couplings.ts'
import { exclusiveGroups, suspiciousPairs } from '../analysis/diagnose.ts'
import { adviseDepth, editStrength } from '../analysis/edit-depth.ts'
import { applyEdits, parseEdits } from '../analysis/edits.ts'
import { emergence } from '../analysis/emergence.ts'
import { examine } from '../analysis/examine.ts'
import { extrapolate } from '../analysis/extrapolate.ts'
import { boxModes, nearestPatches, ownPatches, showPatches } from '../analysis/nearest.ts'
import { heatOverlay } from '../analysis/overlay.ts'
import { partialEdit } from '../analysis/partial-edit.ts'
import { prototypeRanges } from '../analysis/prototype-ranges.ts'
import { withColumn } from '../analysis/ranges.ts'
import { rangesReport } from '../analysis/ranges-report.ts'
import { atlasReport } from '../analysis/reports/atlas.ts'
import type { NoiseKind } from '../analysis/regenerate.ts'
import type { EditKind } from '../analysis/usual.ts'
import { couplingsReport } from '../analysis/reports/couplings.ts'
import { diagnoseReport } from '../analysis/reports/diagnose.ts'
import { emergenceReport } from '../analysis/reports/emergence.ts'
import { nearestReport, spreadTable } from '../analysis/reports/nearest.ts'
import { invertImages, sampleFrom } from '../analysis/sampling.ts'
import { visualize } from '../analysis/visualize.ts'
import { cellMaps, locate, mapOf, readings, speakersAt, strongestFirst } from '../analysis/where.ts'
import { map, rows, type Tensor } from '../model/tensor.ts'
import { brightReader } from './bright-reader.ts'
import { noPictures, sOf, type Analysis, type Subject } from './analysis-subject.ts'

/** Every question that analysis/ asks a model, at its smallest, with the page it makes. Measures of it are in every-measure.ts. */

const steps = 2
const seed = 1
const halfWay = { steps: 3, depth: 500 }
/** A clock that stands still: no time is the shortest that a run can take. */
const now = () => 0

/** Two to be held against each other, where there are two; of many pictures one, which says as much. */
const first = ({ patronus, x0 }: Subject): number[] =>
  [0, 1].slice(0, x0.shape[0] > 100 ? 1 : patronus.info.config.prototypes.count)

async function changeOfFirst(subject: Subject): Promise<{ s: Tensor; edited: Tensor }> {
  const s = await sOf(subject)
  return { s, edited: withColumn(s, 0, 1) }
}

const diagnosed =
  (edit: EditKind, noise: NoiseKind, hasControl: boolean) =>
  async ({ patronus, data }: Subject) => {
    const options = { top: 2, edit, noise, random: 1, pictures: data.images.length, steps, seed, batch: 64 }
    const { diagnosis, random } = await examine(patronus, data, brightReader, options)
    const pairs = suspiciousPairs(diagnosis, random, hasControl ? diagnosis : undefined, exclusiveGroups(data))
    const { info } = patronus
    const report = diagnoseReport({ info, diagnosis, random, pairs, ...(hasControl && { control: { info, diagnosis } }) }, [])
    return { found: { diagnosis, random, pairs }, reports: [report] }
  }

const coupled = (edit: EditKind, hasControl: boolean) => async (subject: Subject) => {
  const { patronus, x0 } = subject
  const { info } = patronus
  const s = await sOf(subject)
  const how = { steps, prototypes: first(subject), batch: 64, ...(edit === 'usual' && { usual: s, fresh: seed }) }
  const atlas = await makeAtlas(patronus, x0, how, subject.artefacts)
  const answers = await readAnswers(atlas, patronus)
  const clean = hasControl ? { clean: { answers, counterparts: { theirs: s, own: s } } } : {}
  const found = couplings(atlas, answers, patronus, { seed, ...clean })
  const report = couplingsReport(
    { info, atlas, edit, noise: edit === 'usual' ? 'fresh' : 'inverted', couplings: found, ...(hasControl && { control: info }) },
    [],
  )
  return { found: { answers, found }, reports: [report] }
}

const noAttributes = {
  'no attributes': /^grounds has no attributes to tell shortcuts by; give a data set with an attribute table$/,
}
const cannotDiagnose = {
  ...noAttributes,
  'no pictures': /^grounds holds no pictures, wanted at least one picture.*; \w+/,
  'one picture': /^grounds: every attribute is the same in all 1 pictures; give pictures with and without some$/,
}

export const everyQuestion: readonly Analysis[] = [
  {
    name: 'atlas',
    async ask(subject) {
      const { patronus, x0 } = subject
      const atlas = await makeAtlas(patronus, x0, { steps, prototypes: first(subject), batch: 64 }, subject.artefacts)
      return { found: atlas, reports: [atlasReport(atlas, patronus.info, [])] }
    },
    refuses: { 'no pictures': noPictures('atlas') },
  },
  {
    name: 'nearest patches',
    async ask({ patronus, x0 }) {
      const { info } = patronus
      const [patches] = await nearestPatches(patronus, batches(x0, 64), 3)
      const of = (image: number) => Array.from(rows(x0, image, image + 1).data)
      const pictures = {
        shape: [patches.length, ...x0.shape.slice(1)],
        data: Float32Array.from(patches.flatMap(({ image }) => of(image))),
      }
      const shown = await Promise.all(boxModes.map(mode => showPatches(patronus, 0, patches, pictures, mode)))
      const own = await showPatches(patronus, 0, await ownPatches(patronus, 0, x0), x0, boxModes[0])
      const page = (mode: (typeof boxModes)[number]) =>
        nearestReport({ info, data: 'grounds', pictures: x0.shape[0], mode, shown }, [])
      return { found: [shown, spreadTable(shown, info, own)], reports: boxModes.map(page) }
    },
    refuses: { 'no pictures': noPictures('nearest patches') },
  },
  { name: 'diagnosis, raised to the maximum', ask: diagnosed('maximum', 'inverted', false), refuses: cannotDiagnose },
  { name: 'diagnosis, moved by what is usual, with a control', ask: diagnosed('usual', 'fresh', true), refuses: cannotDiagnose },
  { name: 'couplings', ask: coupled('maximum', false), refuses: { 'no pictures': noPictures('atlas') } },
  {
    name: 'couplings against a control',
    ask: coupled('usual', true),
    refuses: {
      'no pictures': noPictures('atlas'),
      'one picture': /^what is usual where prototype 0 is strong: wanted at least 2 pictures.*got 1; give more/,
    },
  },
  {
    name: 'emergence, with partial and full edits compared',
    async ask(subject) {
      const { patronus, x0 } = subject
      const found = await emergence(patronus, x0, first(subject), { steps, batch: 64 })
      const some = rows(x0, 0, Math.min(3, x0.shape[0]))
      const change = await changeOfFirst({ ...subject, x0: some })
      const edits = [{ prototype: 0, comparison: await compareEdits(patronus, some, change, { ...halfWay, now }) }]
      return { found: [found, edits], reports: [emergenceReport(found, { info: patronus.info, facts: [], edits })] }
    },
    refuses: { 'no pictures': noPictures('emergence') },
  },
  {
    name: 'comparison of a partial and a full edit',
    ask: async subject => ({
      found: await compareEdits(subject.patronus, subject.x0, await changeOfFirst(subject), { ...halfWay, batch: 64, now }),
    }),
    refuses: { 'no pictures': noPictures('partial edit') },
  },
  {
    name: 'edit depth',
    async ask(subject) {
      const { s, edited } = await changeOfFirst(subject)
      const curves = await editStrength(subject.patronus, { images: subject.x0, s }, [edited, s], { steps: 3, levels: 2 })
      return { found: [curves, curves.map(curve => adviseDepth(curve))] }
    },
    refuses: { 'no pictures': noPictures('edit depth') },
  },
  {
    name: 'partial edit',
    ask: async subject => ({
      found: await partialEdit(subject.patronus, subject.x0, await changeOfFirst(subject), { ...halfWay, control: true, batch: 64 }), // prettier-ignore
    }),
    refuses: { 'no pictures': noPictures('partial edit') },
  },
  {
    name: 'ranges',
    async ask(subject) {
      const ranges = prototypeRanges(await sOf(subject))
      const info = { ...subject.patronus.info, ranges, rangesOver: subject.x0.shape[0] }
      return { found: ranges, reports: [rangesReport(info)] }
    },
    refuses: { 'no pictures': noPictures('ranges of s') },
  },
  {
    name: 'edits and blends of s, and its table',
    async ask(subject) {
      const { info } = subject.patronus
      const s = await sOf(subject)
      const edited = applyEdits(s, parseEdits('0 = max\n0 + 0.5\n0 = max(s_X)'), info)
      const prototypes = chosenPrototypes('only these', '0', info)
      const blends = blendModes.map(mode => blendActivations(s, edited.s, { mode, amount: 0.3, prototypes }, info))
      return { found: [edited, blends, strongest(s, info)] }
    },
    refuses: { 'no pictures': noPictures('edits of s') },
  },
  {
    name: 'extrapolation',
    async ask({ patronus, x0 }) {
      // A row a picture: two of them say what two hundred do.
      const some = rows(x0, 0, Math.min(2, x0.shape[0]))
      const range = { from: -1, to: 3, count: 3, steps }
      return { found: [await extrapolate(patronus, some, [0], { ...range, unit: 'value' }), await extrapolate(patronus, some, [0], { ...range, unit: 'maximum' })] } // prettier-ignore
    },
    refuses: { 'no pictures': noPictures('extrapolation') },
  },
  {
    name: 'interpolation, and noise that varies',
    async ask(subject) {
      const { patronus, x0 } = subject
      const s = await sOf(subject)
      const N = x0.shape[0]
      const end = async (from: number, to: number) => {
        const own = rows(s, from, to)
        return { s: own, noise: await invertImages(patronus, rows(x0, from, to), own, { steps }) }
      }
      if (N === 0) return { found: interpolate({ s, noise: { x: x0, t: 999 } }, { s, noise: { x: x0, t: 999 } }, 3) }
      const [a, b] = [await end(0, 1), await end(N - 1, N)]
      const between = interpolate(a, b, 3)
      const varied = variations(a.noise, { count: 2, strength: 0.5, seed }, patronus.info)
      const drawn = []
      for await (const { x } of sampleFrom(patronus, varied, a.s, { steps })) drawn.push(x)
      return { found: [between, varied, drawn] }
    },
    refuses: { 'no pictures': /^activations_a and activations_b are of 0 and 0 pictures; wanted one each$/ },
  },
  {
    name: 'where prototypes are, and what speaks at a point',
    async ask({ patronus, x0 }) {
      const maps = await cellMaps(patronus, x0)
      const last = x0.shape[0] - 1
      const heat = mapOf(maps, last, 0)
      const picture = map(rows(x0, last, last + 1), v => (v + 1) / 2)
      return {
        found: [
          Array.from({ length: x0.shape[0] }, (_, image) => locate(maps, image, 0)),
          strongestFirst(maps, last),
          readings.map(reading => speakersAt(maps, last, { x: 1, y: 0.3 }, reading)),
          heatOverlay(picture, heat, maps.field, 0),
        ],
      }
    },
    refuses: { 'no pictures': noPictures('where prototypes are') },
  },
  {
    name: 'visualization',
    ask: async subject => ({
      found: await visualize(subject.patronus, subject.x0, first(subject), { steps, choose: 'rise' }),
    }),
    refuses: { 'no pictures': noPictures('visualization') },
  },
  {
    name: 'change map',
    async ask({ x0 }) {
      const darker = map(x0, v => v / 2)
      const box = { x0: 1, y0: 1, x1: 9, y1: 9 }
      const about = (after: Tensor) => {
        const all = changeMap(x0, after)
        return Array.from({ length: x0.shape[0] }, (_, i) => [changeOf(all, i), shareInside(x0, after, i, box)])
      }
      return { found: [about(darker), about(x0)] }
    },
    refuses: { 'no pictures': noPictures('change map') },
  },
]
