import * as tf from '@tensorflow/tfjs-core'
import type { CompileOptions, Feed, Signature } from '../engine/compile.ts'
import { compileStep, type StepFunction } from '../engine/step.ts'
import { adamw, emaUpdate } from '../model/adamw.ts'
import '../model/gradients.ts'
import type { Params } from '../model/layers.ts'
import { sizeOf, type Tensor, zeros } from '../model/tensor.ts'
import type { Weights } from '../model/weights.ts'
import type { TrainingConfig } from './config.ts'

/**
 * One gradient step as one recorded function: loss, all gradients, AdamW and the averaged weights. The weights, both
 * moments and the average go in and come out, so the state of a run is plain data and a step has no memory of its own.
 */

/** What a step changes, by weight name. `average` is the exponential moving average of `weights`. */
export type Moving = { readonly weights: Weights; readonly first: Weights; readonly second: Weights; readonly average: Weights }
const parts = ['weights', 'first', 'second', 'average'] as const

/** The loss of a batch, and whatever else is worth looking at. `params` holds trained and constant weights. */
export type Loss = (
  params: Params,
  batch: Readonly<Record<string, tf.Tensor>>,
) => { loss: tf.Scalar; also: Readonly<Record<string, tf.Tensor>> }

/** Scalars that change from step to step: 1-based step number (for the bias of the moments), rates per group, EMA decay. */
export type Knobs = { readonly step: number; readonly ema: number; readonly rates: Readonly<Record<string, number>> }

export type StepOptions = {
  readonly loss: Loss
  /** Names of the trained weights. */
  readonly trained: readonly string[]
  /** Which learning rate a weight follows. */
  groupOf(name: string): string
  readonly adamw: TrainingConfig['adamw']
}

const key = (part: (typeof parts)[number], group: string): string => `${part}/${group}`

/**
 * Weights that follow one rate, end to end in one vector: the optimiser is then a dozen operators a group instead of a
 * dozen a weight, which is most of what a step records.
 */
type Group = { readonly name: string; readonly members: readonly Member[]; readonly length: number }
type Member = { readonly name: string; readonly shape: readonly number[]; readonly from: number; readonly size: number }

function groupsOf(names: readonly string[], groupOf: (name: string) => string, weights: Weights): Group[] {
  return [...new Set(names.map(groupOf))].map(group => {
    let at = 0
    const members = names
      .filter(name => groupOf(name) === group)
      .map((name): Member => {
        const { shape } = weights.get(name)!
        const from = at,
          size = sizeOf(shape)
        at += size
        return { name, shape, from, size }
      })
    return { name: group, members, length: at }
  })
}

/** The group's tensors as one vector, and back. */
const packed = ({ members, length }: Group, tensors: Weights): Tensor => {
  const data = new Float32Array(length)
  for (const { name, from } of members) data.set(tensors.get(name)!.data, from)
  return { shape: [length], data }
}
const unpacked = ({ members }: Group, { data }: Tensor): [string, Tensor][] =>
  members.map(({ name, shape, from, size }) => [name, { shape, data: data.slice(from, from + size) }])

/** The function to record: the state is all of `Moving`, a vector a group, plus the constants; outputs are `loss` and `also`. */
export function stepFunction({ loss, adamw: adam }: Pick<StepOptions, 'loss' | 'adamw'>, groups: readonly Group[]): StepFunction {
  return (state, inputs) => {
    const members = groups.flatMap(group => group.members.map(member => ({ ...member, group: group.name })))
    const old = members.map(({ group, shape, from, size }) =>
      tf.reshape(tf.slice(state[key('weights', group)], [from], [size]), [...shape]),
    )
    const constants = Object.fromEntries(
      Object.entries(state).flatMap(([name, value]) => (name.startsWith('constant/') ? [[name.slice(9), value]] : [])),
    )
    let also: Readonly<Record<string, tf.Tensor>> = {}
    const { value, grads } = tf.valueAndGrads((...weights: tf.Tensor[]) => {
      const result = loss({ ...constants, ...Object.fromEntries(members.map(({ name }, i) => [name, weights[i]])) }, inputs)
      // valueAndGrads clears up everything its function made but the loss.
      also = Object.fromEntries(Object.entries(result.also).map(([name, value]) => [name, tf.keep(value)]))
      return result.loss
    })(old)
    const next: Record<string, tf.Tensor> = {}
    for (const { name } of groups) {
      const grad = tf.concat(grads.filter((_, i) => members[i].group === name).map(g => tf.reshape(g, [-1])))
      const was = (part: (typeof parts)[number]) => state[key(part, name)]
      const hyper = { lr: inputs[`rate/${name}`] as tf.Scalar, ...adam }
      const moved = adamw(was('weights'), grad, was('first'), was('second'), inputs.step as tf.Scalar, hyper)
      next[key('weights', name)] = moved.param
      next[key('first', name)] = moved.m
      next[key('second', name)] = moved.v
      next[key('average', name)] = emaUpdate(was('average'), moved.param, inputs.ema as tf.Scalar)
    }
    return { state: next, outputs: { loss: value, ...also } }
  }
}

/** A step that holds its state inside the engine. */
export type Trainer = {
  readonly trained: readonly string[]
  step(batch: Feed, knobs: Knobs): Promise<Record<string, Tensor>>
  /** `moving` with what was trained as it is now. */
  read(moving: Moving): Promise<Moving>
  dispose(): Promise<void>
}

/**
 * Compiles the step and puts `moving` into it. `signature` declares the batch; weights that are not trained (`constants`)
 * lie beside the state and never change.
 */
export async function makeTrainer(
  options: StepOptions,
  moving: Moving,
  constants: Weights,
  signature: Pick<Signature, 'name' | 'key' | 'inputs'>,
  run: CompileOptions = {},
): Promise<Trainer> {
  const { trained, groupOf } = options
  const groups = groupsOf(trained, groupOf, moving.weights)
  const state = new Map(groups.flatMap(group => parts.map(part => [key(part, group.name), packed(group, moving[part])] as const)))
  for (const [name, value] of constants) state.set(`constant/${name}`, value)
  const scalars = ['step', 'ema', ...groups.map(({ name }) => `rate/${name}`)]
  const inputs = { ...signature.inputs, ...Object.fromEntries(scalars.map(name => [name, { shape: [] }])) }
  const params = new Map([...state].map(([name, { shape }]) => [name, shape]))
  // What a vector holds decides what is recorded, and the vectors' shapes do not tell.
  const recorded = `${signature.key ?? ''} ${JSON.stringify(groups)}`
  const compiled = await compileStep(stepFunction(options, groups), { ...signature, key: recorded, inputs, params }, state, run)
  return {
    trained,
    step: (batch, { step, ema, rates }) =>
      compiled.step({ ...batch, step: scalar(step), ema: scalar(ema), ...ratesOf(rates, scalars) }),
    async read(before) {
      const now = await compiled.read()
      const next = parts.map(part => [
        part,
        new Map([...before[part], ...groups.flatMap(group => unpacked(group, now.get(key(part, group.name))!))]),
      ])
      return Object.fromEntries(next) as Moving
    },
    dispose: () => compiled.dispose(),
  }
}

const scalar = (value: number): Tensor => ({ shape: [], data: Float32Array.of(value) })

/** Rates of the groups that this step has; a frozen group's is left out. */
const ratesOf = (rates: Knobs['rates'], scalars: readonly string[]) =>
  Object.fromEntries(
    Object.entries(rates).flatMap(([group, rate]) =>
      scalars.includes(`rate/${group}`) ? [[`rate/${group}`, scalar(rate)]] : [],
    ),
  )

/** The state before the first step: moments 0, the average equal to the weights. */
export function startMoving(weights: Weights, trained: readonly string[]): Moving {
  const zero = () => new Map(trained.map(name => [name, zeros(weights.get(name)!.shape)]))
  return { weights, first: zero(), second: zero(), average: new Map(weights) }
}
