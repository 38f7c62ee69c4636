/** What an analysis has to say, before it is a page: figures, tables, and all that makes it repeatable. Plain data. */
import type { Tensor } from '../model/tensor.ts'

/** A table to show and to save. `null` is a value that does not exist (a dash), never NaN. */
export type Table = {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number | null)[])[]
}

/** A drawing as a whole SVG document, or pictures [B,H,W,C] 0…1 laid out in rows of `columns` (default: all in one row). */
export type Figure = { readonly title: string; readonly caption?: string } & (
  | { readonly svg: string }
  | {
      readonly images: Tensor
      readonly columns?: number
      /** Whole factor by which every pixel is enlarged. */
      readonly scale?: number
      /** Names at the left of the rows and above the columns. */
      readonly rowLabels?: readonly string[]
      readonly columnLabels?: readonly string[]
    }
)

export type Section = {
  readonly heading: string
  /** Plain paragraphs. */
  readonly text?: readonly string[]
  readonly figures?: readonly Figure[]
  readonly tables?: readonly Table[]
}

export type Report = {
  readonly title: string
  /** The answer first: one to three sentences with the numbers and their uncertainty. */
  readonly summary: readonly string[]
  readonly sections: readonly Section[]
  /** What makes it repeatable: command, checkpoint and its id, data set, seed, steps, device, version, seconds. */
  readonly facts: readonly (readonly [name: string, value: string])[]
}
