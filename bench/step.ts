import { initialWeights } from '../model/initialize.ts'
import { gaussian, random } from '../model/noise.ts'
import { map } from '../model/tensor.ts'
import { trainingConfigs } from '../train/configs.ts'
import type { DataSet } from '../analysis/data-set.ts'
import { freezeEncoder, makeStage, startState } from '../train/joint.ts'
import { median, timed, type BenchOptions, type Measure } from './measure.ts'

/** Pictures in the set; what they show does not matter for time. */
const pictures = 64

/** One compiled gradient step of the avatars network, AdamW and averaging included: jointly, and with the encoder frozen. */
export async function stepBench({ rounds, say }: BenchOptions): Promise<Measure[]> {
  const config = trainingConfigs.avatars64
  const { image, prototypes } = config.model
  const stream = random(1)
  const size = image.height * image.width * image.channels
  const data: DataSet = {
    name: 'noise',
    shape: [image.height, image.width, image.channels],
    images: Uint8Array.from({ length: pictures * size }, () => stream.int(256)),
  }
  const joint = startState(config, initialWeights(config.model, 1))
  const frozen = freezeEncoder(joint)
  const s = map(gaussian([pictures, prototypes.count], 2), Math.abs)
  const knobs = { ema: 0.999, rates: { encoder: 1e-5, unet: 1e-4 } }
  const measures: Measure[] = []
  for (const [what, make] of [
    ['encoder and U-Net', () => makeStage(config, data, joint.moving)],
    ['U-Net alone', () => makeStage(config, data, frozen.moving, { s })],
  ] as const) {
    say(`a gradient step of the avatars network, batch ${config.batch}: ${what}`)
    const stage = await make()
    const step = (n: number) => timed(async () => stage.trainer.step(await stage.feed(n), { step: n + 1, ...knobs }))
    await step(0)
    const times: number[] = []
    for (let n = 1; n <= Math.ceil(rounds / 3); n++) times.push(await step(n))
    await stage.dispose()
    measures.push({ name: `gradient step, avatars64, batch ${config.batch}, ${what}`, value: median(times), unit: 'ms' })
  }
  return measures
}
