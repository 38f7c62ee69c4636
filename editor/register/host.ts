/** What we use of another page's litegraph: the part that litegraph.js 0.7 and @comfyorg/litegraph have in common. */

export type HostWidget = {
  name?: string
  label?: string
  value?: unknown
  type?: string
  options?: Record<string, unknown>
}
type HostInput = { name: string; widget?: unknown; link?: unknown }
export type HostNode = {
  id: number | string
  title: string
  size: ArrayLike<number>
  flags: { collapsed?: boolean }
  graph?: HostGraph | null
  inputs?: HostInput[]
  widgets?: HostWidget[]
  serialize_widgets?: boolean
  addInput(name: string, type: string, extra?: object): unknown
  addOutput(name: string, type: string, extra?: object): unknown
  addWidget(type: string, name: string, value: unknown, callback: (value: unknown) => void, options?: object): HostWidget
  computeSize(): ArrayLike<number>
  setSize(size: [number, number]): void
  setDirtyCanvas(foreground: boolean, background: boolean): void
  onDrawForeground?(ctx: object): void
}
export type HostGraph = {
  serialize(): unknown
  getNodeById(id: never): unknown
  setDirtyCanvas(foreground: boolean, background: boolean): void
}
type Registered = { readonly prototype: object; category?: string }
export type HostLiteGraph = {
  registerNodeType(type: string, nodeClass: never): void
  readonly registered_node_types: Readonly<Record<string, unknown>>
  readonly LGraphCanvas?: { readonly link_type_colors?: Record<string, unknown> }
}
export type HostNodeClass = (new (title?: string) => unknown) & Registered

/** Only @comfyorg/litegraph can link into a field; 0.7 has a socket or a field, never both. */
export const canLinkFields = (nodeClass: HostNodeClass): boolean => 'getSlotFromWidget' in nodeClass.prototype
