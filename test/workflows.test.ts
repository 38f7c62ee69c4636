import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AttributeReader } from '../analysis/attribute-reader.ts'
import type { Patronus } from '../engine/patronus.ts'
import { describe as describeCatalog } from '../nodes/describe.ts'
import { dims, tensor } from '../model/tensor.ts'
import { catalog } from '../nodes/index.ts'
import { faceAttributes } from '../train/datasets/faces.ts'
import { hasControl, isWidget, parseWorkflow, problems, toPrompt, type Prompt, type Workflow } from '../workflows/graph.ts'
import { walk } from '../workflows/order.ts'
import { declaredInputs } from '../workflows/widgets.ts'
import { quietContext } from './quiet-context.ts'
import { tinyPatronus } from './tiny-model.ts'

const folder = join(process.cwd(), 'workflows')
const images = readdirSync(join(folder, 'images'))
/** What the program comes with. */
const shipped = ['avatars64.safetensors', 'avatars64-biased.safetensors', 'fmnist32.safetensors']
const info = describeCatalog(catalog, { input: images, checkpoints: shipped })
const read = (file: string): Workflow => parseWorkflow(JSON.parse(readFileSync(join(folder, file), 'utf8')))

/** Few steps and pictures, so that a test is short; nothing else differs from what is shipped. */
const few: Readonly<Record<string, number>> = { steps: 3, pictures: 2 }
const shortened = (prompt: Prompt): Prompt =>
  Object.fromEntries(
    Object.entries(prompt).map(([id, node]) => [
      id,
      {
        ...node,
        inputs: Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, few[name] ?? value])),
      },
    ]),
  )

/** Attributes of faces as read in pictures of 16 pixels, for which no reader comes with the program: their mean and its opposite. */
const faceReader: AttributeReader = {
  names: faceAttributes,
  async probabilities(images) {
    const { N } = dims(images, 'N H W C')
    const size = images.data.length / N
    const mean = (i: number) => images.data.subarray(i * size, (i + 1) * size).reduce((sum, v) => sum + v, 0) / size
    const data = Array.from({ length: N }, (_, i) => faceAttributes.map((_, a) => 1 / (1 + Math.exp(a % 2 ? mean(i) : -mean(i)))))
    return tensor([N, faceAttributes.length], data.flat())
  },
}

/** Runs a graph as a server would, without queue, cache or sockets. */
async function run(prompt: Prompt, patronus: Patronus) {
  const { prompt: clean, roots, nodeErrors } = problems(prompt, info)
  expect(nodeErrors).toEqual({})
  const files = Object.fromEntries(images.map(name => [name, join(folder, 'images', name)]))
  const { context, heard } = quietContext(patronus, files, undefined, faceReader)
  const results = new Map<string, Record<string, unknown>>()
  for (const id of walk(clean, roots).order) {
    const node = catalog.get(clean[id].class_type)!
    const slots = (from: string) => Object.keys(catalog.get(clean[from].class_type)!.outputs)
    const inputs = Object.entries(clean[id].inputs).map(([name, value]) =>
      Array.isArray(value) ? [name, results.get(value[0])![slots(value[0])[value[1]]]] : [name, value],
    )
    results.set(id, await node.run(Object.fromEntries(inputs), context))
  }
  return { results, heard, roots }
}

describe.each(readdirSync(folder).filter(name => name.endsWith('.json')))('workflows/%s', file => {
  const workflow = read(file)

  test('becomes a prompt without problems, on shipped checkpoints and pictures', () => {
    const { prompt, problems: unread } = toPrompt(workflow, info)
    expect(unread).toEqual([])
    const { nodeErrors, error } = problems(prompt, info)
    expect({ nodeErrors, error }).toEqual({ nodeErrors: {} })
    const loaders = Object.values(prompt).filter(node => node.class_type === 'PatronusLoadCheckpoint')
    expect(loaders.length).toBeGreaterThan(0)
    for (const { inputs } of loaders) expect(shipped).toContain(inputs.checkpoint)
  })

  test('runs whole on the tiny model: pictures between 0 and 1 come out, every step is previewed', async () => {
    const patronus = await tinyPatronus({ prototypes: 128 })
    const { heard, roots } = await run(shortened(toPrompt(workflow, info).prompt), patronus)
    expect(roots.length).toBeGreaterThan(0)
    expect(heard.saved.length).toBeGreaterThanOrEqual(roots.length)
    for (const { images } of [...heard.saved, ...heard.previews.map(images => ({ images }))])
      expect(images.data.every(value => value >= 0 && value <= 1)).toBe(true)
    expect(heard.previews.length).toBeGreaterThanOrEqual(3)
    await patronus.dispose()
  })

  test('saves a value for every widget of every node, with inputs and outputs in the order the server declares', () => {
    for (const { type, widgets_values, inputs, outputs } of workflow.nodes) {
      const declared = declaredInputs(info[type])
      const widgets = declared.filter(([, config]) => isWidget(config))
      expect(widgets_values).toHaveLength(widgets.length + widgets.filter(([name, config]) => hasControl(name, config)).length)
      const sockets = declared.filter(([, config]) => !isWidget(config))
      expect(inputs.filter(input => !input.widget).map(({ name }) => name)).toEqual(sockets.map(([name]) => name))
      expect(outputs.map(({ name, type }) => [name, type])).toEqual(
        info[type].output.map((out, i) => [info[type].output_name[i], out]),
      )
    }
  })

  test('is laid out from left to right without overlaps', () => {
    const title = 30
    const boxes = workflow.nodes.map(({ pos: [x, y], size: [width, height] }) => ({
      x0: x,
      x1: x + width,
      y0: y - title,
      y1: y + height,
    }))
    boxes.forEach((a, i) =>
      boxes.slice(i + 1).forEach(b => expect(a.x1 <= b.x0 || b.x1 <= a.x0 || a.y1 <= b.y0 || b.y1 <= a.y0).toBe(true)),
    )
    const at = new Map(workflow.nodes.map(node => [node.id, node.pos[0]]))
    for (const [, from, , to] of workflow.links) expect(at.get(from)).toBeLessThanOrEqual(at.get(to) ?? NaN)
  })

  test('numbers its links and nodes consistently', () => {
    for (const [id, from, fromSlot, to, toSlot] of workflow.links) {
      expect(workflow.nodes.find(node => node.id === from)?.outputs[fromSlot].links).toContain(id)
      expect(workflow.nodes.find(node => node.id === to)?.inputs[toSlot].link).toBe(id)
    }
    expect(workflow.last_link_id).toBe(Math.max(...workflow.links.map(([id]) => id)))
    expect(workflow.last_node_id).toBe(Math.max(...workflow.nodes.map(({ id }) => Number(id))))
  })
})
