/** The JSON of `GET /object_info`, in ComfyUI's shape (spec/comfyui.md 1.7): types alone, so that workflows/ and the page can read it too. */

/** Options of one input. Numbers always carry min, max, step: ComfyUI's page would otherwise stop at 2048. */
export type InputOptions = {
  readonly default?: number | string | boolean
  readonly tooltip?: string
  readonly display_name?: string
  readonly min?: number
  readonly max?: number
  readonly step?: number
  readonly round?: number | false
  readonly display?: string
  readonly control_after_generate?: boolean
  readonly multiline?: boolean
  readonly placeholder?: string
  readonly forceInput?: boolean
  readonly advanced?: boolean
  readonly lazy?: boolean
  readonly options?: readonly string[]
  readonly image_upload?: boolean
}

/** `["INT", {…}]`; a combo (V1 form) has its list of options in the place of the type. */
export type InputInfo = readonly [type: string | readonly (string | number | boolean)[], options?: InputOptions]

export type NodeInfo = {
  readonly input: {
    readonly required?: Readonly<Record<string, InputInfo>>
    readonly optional?: Readonly<Record<string, InputInfo>>
    readonly hidden?: Readonly<Record<string, unknown>>
  }
  readonly input_order?: { readonly required?: readonly string[]; readonly optional?: readonly string[] }
  /** Links into inputs that are not declared are kept (node.ts); ours, other clients ignore it. */
  readonly takes_undeclared?: boolean
  readonly output: readonly (string | readonly string[])[]
  readonly output_is_list: readonly boolean[]
  readonly is_input_list?: boolean
  readonly output_name: readonly string[]
  readonly output_tooltips?: readonly string[]
  readonly name: string
  readonly display_name: string
  readonly description: string
  readonly python_module: string
  readonly category: string
  readonly output_node: boolean
  readonly search_aliases?: readonly string[]
}

export type ObjectInfo = Readonly<Record<string, NodeInfo>>
