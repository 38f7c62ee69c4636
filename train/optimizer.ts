import * as tf from '@tensorflow/tfjs-core'
import type { Feed, Signature } from '../engine/compile.ts'
import { compileStep, type StepFunction } from '../engine/step.ts'
import { adamw, emaUpdate } from '../model/adamw.ts'
import '../model/gradients.ts'
import type { Params } from '../model/layers.ts'
import { type Tensor, zeros } from '../model/tensor.ts'
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

const key = (part: (typeof parts)[number], name: string): string => `${part}/${name}`

/** The function to record: the state is all of `Moving` plus the constants; outputs are `loss` and `also`. */
export function stepFunction({ loss, trained, groupOf, adamw: adam }: StepOptions): StepFunction {
  return (state, inputs) => {
    const old = trained.map(name => state[key('weights', name)])
    const constants = Object.fromEntries(
      Object.entries(state).flatMap(([name, value]) => (name.startsWith('constant/') ? [[name.slice(9), value]] : [])),
    )
    let also: Readonly<Record<string, tf.Tensor>> = {}
    const { value, grads } = tf.valueAndGrads((...weights: tf.Tensor[]) => {
      const result = loss({ ...constants, ...Object.fromEntries(trained.map((name, i) => [name, weights[i]])) }, inputs)
      // valueAndGrads clears up everything its function made but the loss.
      also = Object.fromEntries(Object.entries(result.also).map(([name, value]) => [name, tf.keep(value)]))
      return result.loss
    })(old)
    const next: Record<string, tf.Tensor> = {}
    trained.forEach((name, i) => {
      const hyper = { lr: inputs[`rate/${groupOf(name)}`] as tf.Scalar, ...adam }
      const moved = adamw(
        old[i],
        grads[i],
        state[key('first', name)],
        state[key('second', name)],
        inputs.step as tf.Scalar,
        hyper,
      )
      next[key('weights', name)] = moved.param
      next[key('first', name)] = moved.m
      next[key('second', name)] = moved.v
      next[key('average', name)] = emaUpdate(state[key('average', name)], moved.param, inputs.ema as tf.Scalar)
    })
    return { state: next, outputs: { loss: value, ...also } }
  }
}

/** A step that holds its state inside the engine. */
export type Trainer = {
  readonly trained: readonly string[]
  step(batch: Feed, knobs: Knobs): Promise<Record<string, Tensor>>
  /** `moving` with what was trained as it is now. */
  read(moving: Moving): Moving
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
): Promise<Trainer> {
  const { trained, groupOf } = options
  const state = new Map(trained.flatMap(name => parts.map(part => [key(part, name), moving[part].get(name)!] as const)))
  for (const [name, value] of constants) state.set(`constant/${name}`, value)
  const scalars = ['step', 'ema', ...new Set(trained.map(name => `rate/${groupOf(name)}`))]
  const inputs = { ...signature.inputs, ...Object.fromEntries(scalars.map(name => [name, { shape: [] }])) }
  const params = new Map([...state].map(([name, { shape }]) => [name, shape]))
  const compiled = await compileStep(stepFunction(options), { ...signature, inputs, params }, state)
  return {
    trained,
    step: (batch, { step, ema, rates }) =>
      compiled.step({ ...batch, step: scalar(step), ema: scalar(ema), ...ratesOf(rates, scalars) }),
    read: before => {
      const now = compiled.read()
      const next = parts.map(part => [
        part,
        new Map([...before[part], ...trained.map(name => [name, now.get(key(part, name))!] as const)]),
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
