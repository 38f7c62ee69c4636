/** Graphs made to cost the one who checks them more than the one who sends them (spec/reliability.md bar 3). */
import { problems, type Prompt } from '../workflows/graph.ts'
import { exampleInfo } from './graph-example.ts'

/** Nodes n0… that read what `linksOf` says, and one output that reads n0. */
function knot(length: number, linksOf: (i: number) => Record<string, unknown>): Record<string, Prompt[string]> {
  const node = (i: number) => ({ class_type: 'Change', inputs: { amount: 1, ...linksOf(i) } })
  return {
    ...Object.fromEntries(Array.from({ length }, (_, i) => [`n${i}`, node(i)])),
    out: { class_type: 'Show', inputs: { images: ['n0', 0] } },
  }
}

function timed(graph: Prompt) {
  const began = performance.now()
  const found = problems(graph, exampleInfo)
  return { found, ms: performance.now() - began, text: JSON.stringify(found.nodeErrors).length }
}

test.each([1, 2, 15, 16, 17, 100, 10_000])(
  'a cycle of %d nodes is refused with the nodes on it, and the answer grows no faster than the graph',
  length => {
    const { found, ms, text } = timed(knot(length, i => ({ image: [`n${(i + 1) % length}`, 0] })))
    expect(found.roots).toEqual([])
    expect(found.nodeErrors.n0.errors).toMatchObject([{ type: 'dependency_cycle', extra_info: { node_id: 'n0' } }])
    expect(Object.keys(found.nodeErrors)).toHaveLength(length)
    expect(text / length).toBeLessThan(4000)
    // Measured 0.2 s; what grows with the square takes minutes.
    expect(ms).toBeLessThan(3000)
  },
)

test('a graph of as many cycles as nodes, each as long as the graph, is refused in time', () => {
  const { found, ms } = timed(knot(10_000, i => ({ image: [`n${Math.min(i + 1, 9999)}`, 0], other: ['n0', 0] })))
  expect(found.roots).toEqual([])
  expect(found.nodeErrors.n9999.errors.map(({ type }) => type)).toContain('dependency_cycle')
  expect(ms).toBeLessThan(3000)
})

test('thousands of outputs that wait for the same thousands of broken nodes are refused in time, each broken node told', () => {
  const graph = knot(3000, i => (i < 2999 ? { image: [`n${i + 1}`, 0], amount: 'x' } : {}))
  for (let i = 0; i < 5000; i++) graph[`o${i}`] = { class_type: 'Show', inputs: { images: ['n0', 0] } }
  const { found, ms, text } = timed(graph)
  expect(found.roots).toEqual([])
  expect(Object.keys(found.nodeErrors)).toHaveLength(3000)
  expect(text).toBeLessThan(20e6)
  expect(ms).toBeLessThan(5000)
})

test('one broken part of a large graph stops what reads from it and nothing else', () => {
  const graph = knot(5000, i => ({ image: [i < 4999 ? `n${i + 1}` : 'start', 0] }))
  graph.start = { class_type: 'Source', inputs: { seed: 1, strength: 1, method: 'ddim' } }
  graph.bad = { class_type: 'Change', inputs: { image: ['n0', 0], amount: 'x' } }
  graph.late = { class_type: 'Show', inputs: { images: ['bad', 0] } }
  const { found } = timed(graph)
  expect(found.roots).toEqual(['out'])
  expect(found.nodeErrors).toMatchObject({ bad: { dependent_outputs: ['late'] } })
})
