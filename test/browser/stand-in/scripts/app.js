// The part of ComfyUI's `app` object that extensions are promised (docs.comfy.org, "Javascript Extensions"), in its order:
// modules are imported, nodes registered, a graph is opened, events of a run reach the nodes. Written for the tests of this
// project from that documentation.
import { api } from './api.js'

const json = async url => (await fetch(url)).json()
const extensions = []
const call = (hook, ...args) => Promise.all(extensions.map(extension => extension[hook]?.(...args, app)))

/** A box in the page in place of a node on a canvas. */
class Node {
  constructor({ id, type, mode = 0, outputs = [], widgets_values = [] }, definition) {
    Object.assign(this, { id, type, mode, outputs, size: [200, 100] })
    const inputs = Object.entries({ ...definition?.input.required, ...definition?.input.optional })
    const names = inputs.filter(([, [kind]]) => Array.isArray(kind) || /^(INT|FLOAT|STRING|BOOLEAN|COMBO)$/.test(kind))
    const values = Array.isArray(widgets_values) ? widgets_values.filter(value => !/^(fixed|randomize)$/.test(value)) : []
    this.widgets = names.map(([name], i) => ({ name, value: values[i] }))
    this.element = Object.assign(document.createElement('section'), { id: `node-${id}` })
    document.getElementById('nodes').append(this.element)
  }
  setSize(size) {
    this.size = size
  }
  addDOMWidget(name, type, element) {
    const widget = { name, type, element }
    this.widgets.push(widget)
    this.element.append(element)
    return widget
  }
}

export const app = {
  graph: { nodes: [], setDirtyCanvas: () => (app.redrawn = (app.redrawn ?? 0) + 1) },
  extensionManager: { registerSidebarTab: tab => tab.render(document.getElementById('side')) },
  registerExtension: extension => void extensions.push(extension),
  async start() {
    await json('./api/users')
    await json('./api/settings')
    for (const path of await json('./api/extensions')) await import(`..${path}`).catch(error => console.error(path, error))
    this.definitions = await json('./api/object_info')
    this.types = {}
    await call('addCustomNodeDefs', this.definitions)
    for (const [name, definition] of Object.entries(this.definitions)) {
      this.types[name] = class extends Node {}
      await call('beforeRegisterNodeDef', this.types[name], definition)
    }
    await api.connect()
    api.addEventListener('executed', ({ detail }) =>
      this.graph.nodes.find(({ id }) => String(id) === detail.display_node)?.onExecuted?.(detail.output),
    )
    await call('setup')
    for (const { bottomPanelTabs = [] } of extensions)
      for (const tab of bottomPanelTabs) tab.render(document.getElementById('bottom'))
  },
  async loadGraphData(workflow) {
    document.getElementById('nodes').replaceChildren()
    this.graph.nodes = workflow.nodes.map(node => new (this.types[node.type] ?? Node)(node, this.definitions[node.type]))
    await call(
      'afterConfigureGraph',
      workflow.nodes.filter(({ type }) => !this.types[type]).map(({ type }) => type),
    )
  },
  async queuePrompt(prompt) {
    const body = JSON.stringify({ prompt, client_id: api.clientId, extra_data: { extra_pnginfo: { workflow: {} } } })
    return (await fetch('./api/prompt', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).json()
  },
}
