import type { Tensor } from './tensor.ts'

/** The weights of a model by the authors' state_dict names, in our layouts (`initialize.ts` lists names and shapes). */
export type Weights = ReadonlyMap<string, Tensor>

/** How a weight starts: a uniform bound, a normal deviation, a range, a constant, or the frozen sinusoid table. */
export type Start =
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'unit' }
  | { readonly kind: 'sinusoid' }

export type Declaration = { readonly shape: readonly number[]; readonly start: Start }

/** Collects the declarations of a network's weights, layer by layer, each as PyTorch declares and starts it. */
export class Declarations {
  readonly all = new Map<string, Declaration>()

  add(name: string, shape: readonly number[], start: Start): void {
    this.all.set(name, { shape, start })
  }

  /** kaiming_uniform(a = √5) for weight and bias alike: U(±1/√fanIn). */
  layer(name: string, weight: readonly number[], out: number, fanIn: number): void {
    const start: Start = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) }
    this.add(`${name}.weight`, weight, start)
    this.add(`${name}.bias`, [out], start)
  }

  conv(name: string, k: number, cin: number, cout: number): void {
    this.layer(name, [k, k, cin, cout], cout, k * k * cin)
  }

  conv1d(name: string, k: number, cin: number, cout: number): void {
    this.layer(name, [k, cin, cout], cout, k * cin)
  }

  linear(name: string, cin: number, cout: number): void {
    this.layer(name, [cin, cout], cout, cin)
  }

  norm(name: string, channels: number): void {
    this.add(`${name}.weight`, [channels], { kind: 'constant', value: 1 })
    this.add(`${name}.bias`, [channels], { kind: 'constant', value: 0 })
  }
}
