/**
 * Tiny nodes that together do everything an executor must do (spec/comfyui.md 3), for test suites that know the server from
 * outside only. They are loaded by `patronus serve --conformance-nodes` and by nothing else.
 */
import type { AnyNode } from '../node.ts'
import { add, addAll, concat, pass, sleep } from './arithmetic.ts'
import { boolean, choice, float, int, string } from './constants.ts'
import { countdown, cycle, repeatAdd } from './expand.ts'
import { fingerprint, hidden, ownId, validated } from './keys.ts'
import { lazyProduct, lazySwitch } from './lazy-switch.ts'
import { makeList, sumList } from './lists.ts'
import { image, sampler, show } from './pictures.ts'
import { block, blockAbove, fail } from './stops.ts'

export const conformance: readonly AnyNode[] = [
  ...[int, float, string, boolean, choice],
  ...[add, addAll, concat, pass, sleep],
  ...[makeList, sumList],
  ...[lazySwitch, lazyProduct],
  ...[repeatAdd, countdown, cycle],
  ...[block, blockAbove, fail],
  ...[fingerprint, hidden, ownId, validated],
  ...[image, sampler, show],
]
