/** Fields of a node as widgets that every litegraph draws by itself. */
import { snap } from '../format.ts'
import { AFTER_RUN, AFTER_RUN_CHOICES, type Definition, type Field, type Port } from '../ports.ts'
import type { HostNode, HostWidget } from './host.ts'

export function addFields(node: HostNode, { inputs }: Definition): void {
  for (const port of inputs) {
    if (!port.field) continue
    addField(node, port, port.field)
    // ComfyUI's files have this one behind every seed; without it the values behind it would move up a place.
    if (port.field.kind === 'number' && port.field.seed) {
      const widget = node.addWidget('combo', AFTER_RUN, 'fixed', () => {}, { values: [...AFTER_RUN_CHOICES] })
      widget.label = 'after run'
    }
  }
}

function addField(node: HostNode, { name, label }: Port, field: Field): void {
  const [type, options] = look(field)
  const widget: HostWidget = node.addWidget(
    type,
    name,
    field.default,
    value => {
      // Dragging gives any number; the server wants those on the grid.
      if (field.kind === 'number') widget.value = snap(Number(value) || 0, field)
    },
    options,
  )
  // litegraph 0.7 leaves out a slider's value where it has a label.
  if (label !== name && type !== 'slider') widget.label = label
}

function look(field: Field): [type: string, options: object] {
  if (field.kind === 'boolean') return ['toggle', { on: 'yes', off: 'no' }]
  if (field.kind === 'choice') return ['combo', { values: [...field.options] }]
  if (field.kind === 'text') return ['text', { multiline: field.multiline }]
  const { min, max, step, decimals } = field
  // Litegraph counts `step` in tenths; the newer one reads `step2` first.
  return [field.slider ? 'slider' : 'number', { min, max, step: 10 * step, step2: step, precision: decimals }]
}

/** Moves seeds on as their "after run" says. */
export function advanceSeeds({ widgets = [] }: HostNode, { inputs }: Definition): void {
  widgets.forEach((after, i) => {
    const seed = widgets[i - 1]
    const field = inputs.find(({ name }) => name === seed?.name)?.field
    if (after.name !== AFTER_RUN || field?.kind !== 'number' || after.value === 'fixed') return
    const { min, max } = field
    const random = min + Math.floor(Math.random() * Math.min(max - min, 2 ** 50))
    const next = after.value === 'randomize' ? random : Number(seed.value) + (after.value === 'increment' ? 1 : -1)
    seed.value = next > max ? min : next < min ? max : next
  })
}
