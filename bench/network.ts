import { compile, packWeights, type Feed } from '../engine/compile.ts'
import { chooseDevice } from '../engine/device.ts'
import { eager } from '../engine/eager.ts'
import { unetNetwork } from '../engine/networks.ts'
import { Session } from '../engine/session.ts'
import { officialFMNIST } from '../model/configs.ts'
import { initialWeights } from '../model/initialize.ts'
import { gaussian } from '../model/noise.ts'
import { compared, largestDifference, timed, type BenchOptions, type Measure } from './measure.ts'
import { referenceUnet } from './reference-onnx.ts'

/** Two ways to compute one network that differ by more than this do not compute the same. */
const tolerance = 2e-5

const feedOf = (batch: number): Feed => ({
  x: gaussian([batch, 32, 32, 1], 1),
  t: Int32Array.from({ length: batch }, (_, b) => (500 + 37 * b) % 1000),
  s: gaussian([batch, 30], 2),
})

/** One ε̂ of the official FMNIST network (25.3 M parameters), compiled on CPU, against its reference export and against tfjs. */
export async function networkBench({ rounds, say }: BenchOptions): Promise<Measure[]> {
  const config = officialFMNIST
  const weights = initialWeights(config, 1)
  const { fn, signature } = unetNetwork(config)
  const device = await chooseDevice('cpu')
  const ours = await compile(fn, signature, weights, { device })
  const measures: Measure[] = []
  for (const batch of [1, 8]) {
    say(`one ε̂ of the official FMNIST network, batch ${batch}: compiled and reference export in turns`)
    const artifact = referenceUnet(config, batch)
    const reference = await Session.create(artifact, packWeights(artifact.layout, weights, 'reference'), device)
    const feed = feedOf(batch)
    // One channel: [B,32,32,1] and [B,1,32,32] are the same numbers in the same order.
    const x = feed.x as { data: Float32Array }
    const turned: Feed = { ...feed, x: { shape: [batch, 1, 32, 32], data: x.data } }
    const apart = largestDifference((await ours.run(feed)).eps.data, (await reference.run(turned)).eps.data)
    if (!(apart <= tolerance))
      throw new Error(`bench: compiled network and reference export differ by ${apart}; they should agree within ${tolerance}`)
    const times = await compared(
      () => timed(() => ours.run(feed)),
      () => timed(() => reference.run(turned)),
      batch === 1 ? rounds : Math.ceil(rounds / 3),
    )
    const name = `ε̂, official FMNIST network, batch ${batch}, compiled`
    measures.push({
      name,
      value: times.a,
      unit: 'ms',
      against: 'ONNX Runtime on the reference export',
      againstValue: times.b,
      difference: apart,
      ratio: times.ratio,
      limit: 1.15,
    })
    await reference.dispose()
  }
  measures.push(await againstEager(measures[0].value, () => ours.run(feedOf(1)), weights, say))
  await ours.dispose()
  return measures
}

/** tfjs's own CPU backend, once: the reference for correctness, a thousand times slower. */
async function againstEager(
  compiledMs: number,
  compiled: () => Promise<Record<string, { data: Float32Array }>>,
  weights: ReturnType<typeof initialWeights>,
  say: BenchOptions['say'],
): Promise<Measure> {
  say('the same by tfjs eager (backend-cpu), batch 1, once: this takes from ten seconds to a minute')
  const { fn, signature } = unetNetwork(officialFMNIST)
  const slow = await eager(fn, signature, weights)
  let eps: Float32Array = new Float32Array()
  const ms = await timed(async () => (eps = (await slow.run(feedOf(1))).eps.data))
  const apart = largestDifference(eps, (await compiled()).eps.data)
  await slow.dispose()
  if (!(apart <= tolerance))
    throw new Error(`bench: compiled and eager differ by ${apart}; they should agree within ${tolerance}`)
  return {
    name: 'ε̂, official FMNIST network, batch 1, compiled',
    value: compiledMs,
    unit: 'ms',
    against: 'tfjs eager on backend-cpu',
    againstValue: ms,
    difference: apart,
    ratio: compiledMs / ms,
  }
}
