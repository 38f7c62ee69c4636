/** A litegraph page that knows nothing of Patronus but the address of its server. */
import { loadLiteGraph } from './litegraph.js'

const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8188'
const status = document.querySelector('#status')
const say = text => (status.textContent = text)

try {
  const { LGraph, LGraphCanvas, LGraphNode, LiteGraph } = await loadLiteGraph()
  const { registerPatronus } = await import(`${server}/patronus/register.js`)
  const patronus = await registerPatronus({ LiteGraph, LGraphNode, server })

  const graph = new LGraph()
  new LGraphCanvas(document.querySelector('canvas'), graph)
  graph.start()

  const add = (type, x, y, values = {}) => {
    const node = LiteGraph.createNode(type)
    node.pos = [x, y]
    graph.add(node)
    for (const [name, value] of Object.entries(values)) node.widgets.find(widget => widget.name === name).value = value
    return node
  }
  /** By name: how many sockets a node has before this one differs between versions of litegraph. */
  const connect = (from, output, to, input) => {
    if (!from.connect(from.findOutputSlot(output), to, to.findInputSlot(input)))
      throw new Error(`${from.title}.${output} cannot be linked to ${to.title}.${input}`)
  }

  const checkpoint = add('PatronusLoadCheckpoint', 40, 60)
  const prior = add('PatronusPriorSample', 330, 60, { count: 2, seed: 3 })
  const noise = add('PatronusGaussianNoise', 330, 330, { count: 2, seed: 5 })
  const sample = add('PatronusSampleDDIM', 640, 60, { steps: 10 })
  const preview = add('PreviewImage', 960, 60)
  for (const node of [prior, noise, sample]) connect(checkpoint, 'model', node, 'model')
  connect(prior, 'activations', sample, 'activations')
  connect(noise, 'noise', sample, 'noise')
  connect(sample, 'image', preview, 'images')

  document.querySelector('#run').addEventListener('click', async () => {
    try {
      say('running…')
      const run = await patronus.queue(graph)
      const { status } = await run.done
      say(status)
    } catch (error) {
      say(`failed: ${error.message}`)
    }
  })
  window.page = { graph, patronus, preview, sample }
  say(`ready: ${patronus.types.length} nodes`)
} catch (error) {
  say(`failed: ${error.message}`)
}
