import { isWell, postJson, jsonOf, round, withServer } from '../house.mjs'

const add = from => ({ class_type: 'Add', inputs: { a: [from, 0], b: 1 } })
const show = from => ({ class_type: 'Show', inputs: { value: [from, 0] } })

function chain(length) {
  const nodes = { n0: { class_type: 'Constant', inputs: { value: 1 } } }
  for (let i = 1; i < length - 1; i++) nodes[`n${i}`] = add(`n${i - 1}`)
  return { ...nodes, end: show(`n${length - 2}`) }
}
function cycle(length) {
  const nodes = {}
  for (let i = 0; i < length; i++) nodes[`n${i}`] = add(`n${(i + 1) % length}`)
  return { ...nodes, end: show('n0') }
}
/** As many cycles as nodes, each as long as the graph. */
function knots(length) {
  const nodes = {}
  for (let i = 0; i < length; i++)
    nodes[`n${i}`] = { class_type: 'Add', inputs: { a: [`n${Math.min(i + 1, length - 1)}`, 0], b: ['n0', 0] } }
  return { ...nodes, end: show('n0') }
}
/** Every output waits for every broken node. */
function fan(length) {
  const nodes = chain(length)
  for (const id of Object.keys(nodes)) if (nodes[id].class_type === 'Add') nodes[id].inputs.b = 'not a number'
  for (let i = 0; i < length; i++) nodes[`o${i}`] = show(`n${length - 2}`)
  return nodes
}

export default {
  number: 3,
  name: 'cycles and giant graphs',
  wanted: '10,000-node chain checked in < 1 s; cycles of any length 400 with a node on them; no overflow',
  async run({ quick, slack }) {
    return withServer({}, async server => {
      const wrong = []
      await postJson(server, '/prompt', { prompt: chain(100) })
      const long = []
      for (let i = 0; i < 3; i++) {
        const { status, ms } = await postJson(server, '/prompt', { prompt: chain(10_000) })
        if (status !== 200) wrong.push(`the chain: ${status}`)
        long.push(ms)
        await postJson(server, '/queue', { clear: true })
        await postJson(server, '/interrupt', {})
      }
      const lengths = quick ? [1, 2, 50, 9000] : [1, 2, 3, 5, 10, 31, 32, 33, 100, 1000, 5000, 10_000, 19_000]
      let slowest = 0
      for (const length of lengths) {
        const answer = await postJson(server, '/prompt', { prompt: cycle(length) })
        const { node_errors } = jsonOf(answer)
        slowest = Math.max(slowest, answer.ms)
        const [first] = Object.values(node_errors ?? {})
        if (answer.status !== 400 || first?.errors[0].type !== 'dependency_cycle')
          wrong.push(`cycle of ${length}: ${answer.status}`)
      }
      for (const [name, graph] of Object.entries({ knots: knots(10_000), fan: fan(5000) })) {
        const { status, ms } = await postJson(server, '/prompt', { prompt: graph })
        slowest = Math.max(slowest, ms)
        if (status !== 400) wrong.push(`${name}: ${status}`)
      }
      const tooMany = await postJson(server, '/prompt', { prompt: chain(20_001) })
      if (tooMany.status !== 400) wrong.push(`20,001 nodes: ${tooMany.status}`)
      const best = Math.min(...long)
      const trouble = await isWell(server)
      return {
        ok: wrong.length === 0 && !trouble && best < 1000 * slack,
        figure:
          trouble ??
          [
            ...wrong.slice(0, 5),
            `chain ${round(best)} ms (best of ${long.map(ms => Math.round(ms)).join(', ')}), ${lengths.length} cycles up to ${lengths.at(-1)} nodes, slowest refusal ${round(slowest)} ms`,
          ].join('; '),
        chain: round(best),
        slowest: round(slowest),
      }
    })
  },
}
