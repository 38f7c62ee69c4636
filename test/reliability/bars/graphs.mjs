import fc from 'fast-check'
import { isWell, postJson, jsonOf, request, withServer } from '../house.mjs'

const keys = ['1', '2', '3', 'a:b', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '']

/** A literal, a link or junk. */
const value = fc.oneof(
  fc.tuple(fc.constantFrom(...keys), fc.oneof(fc.integer({ min: -2, max: 3 }), fc.double())),
  fc.double(),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.object({ maxDepth: 2 }),
  fc.array(fc.integer()),
  fc.constantFrom('../../etc/passwd', 'x [output]', '%date:yyyy%', '[', '\ud800', '1e999', '-inf'),
)

/** Graphs over the classes and inputs that a server has, with every kind of fault in them. */
function graphsOf(info) {
  const classes = Object.keys(info)
  const inputsOf = type => Object.keys({ ...info[type].input.required, ...info[type].input.optional })
  const inputNames = [...new Set(classes.flatMap(inputsOf)), '__proto__', 'constructor', 'prototype']
  const node = fc.record(
    {
      class_type: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...classes) },
        { weight: 1, arbitrary: fc.constantFrom('constructor', '__proto__', 'toString', 'hasOwnProperty', 'Nope') },
        { weight: 1, arbitrary: fc.anything({ maxDepth: 1 }) },
      ),
      inputs: fc.oneof(
        { weight: 9, arbitrary: fc.dictionary(fc.constantFrom(...inputNames), value) },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
      _meta: fc.oneof(fc.record({ title: fc.string() }), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  return fc.oneof(
    {
      weight: 19,
      arbitrary: fc.dictionary(
        fc.constantFrom(...keys),
        fc.oneof({ weight: 19, arbitrary: node }, { weight: 1, arbitrary: fc.jsonValue() }),
      ),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  )
}

/** What is wrong with an answer; undefined for a good one. */
function faultOf(prompt, { status, text, ms, error }) {
  if (status === 0) return `no answer: ${error}`
  if (ms > 5000) return `took ${Math.round(ms)} ms`
  if (status === 200) return undefined
  if (status < 400 || status > 499) return `status ${status}`
  const body = jsonOf({ text })
  const { type, message, details } = body.error ?? {}
  if (![type, message, details].every(part => typeof part === 'string' && (part !== '' || part === details)))
    return `the error is ${JSON.stringify(body.error)}`
  for (const [id, { errors, class_type }] of Object.entries(body.node_errors ?? {})) {
    if (!Object.hasOwn(prompt, id) || prompt[id].class_type !== class_type)
      return `it names node ${id}, which is not in the graph`
    for (const one of errors) {
      const { input_name, node_id } = one.extra_info
      // About an input, or about the node as a whole.
      if (typeof input_name !== 'string' && node_id !== id)
        return `the error at node ${id} names no input: ${JSON.stringify(one)}`
    }
  }
  return undefined
}

/** A graph that runs, with one or two of its parts replaced. */
const nearlyGood = fc
  .array(
    fc.record({ node: fc.constantFrom('1', '2', '3', '4'), key: fc.constantFrom('value', 'a', 'b', 'class_type'), junk: value }),
    {
      maxLength: 2,
    },
  )
  .map(changes => {
    const graph = {
      1: { class_type: 'Constant', inputs: { value: 2 } },
      2: { class_type: 'Add', inputs: { a: ['1', 0], b: 3 } },
      3: { class_type: 'Show', inputs: { value: ['2', 0] } },
      4: { class_type: 'Show', inputs: { value: ['1', 0] } },
    }
    for (const { node, key, junk } of changes)
      if (key === 'class_type') graph[node].class_type = junk
      else graph[node].inputs[key] = junk
    return graph
  })

async function attack(server, runs, seed) {
  const info = jsonOf(await request(server, 'GET', '/object_info'))
  const counts = { sent: 0, accepted: 0 }
  const law = fc.asyncProperty(
    fc.oneof({ weight: 3, arbitrary: graphsOf(info) }, { weight: 1, arbitrary: nearlyGood }),
    async prompt => {
      const answer = await postJson(server, '/prompt', { prompt })
      counts.sent++
      if (answer.status === 200 && ++counts.accepted % 20 === 0) {
        await postJson(server, '/queue', { clear: true })
        await request(server, 'POST', '/interrupt')
      }
      const fault = faultOf(JSON.parse(JSON.stringify(prompt)), answer)
      if (fault) throw new Error(fault)
    },
  )
  await fc.assert(law, { numRuns: runs, seed })
  return counts
}

export default {
  number: 1,
  name: 'malformed graphs',
  wanted: '10,000 graphs: 0 crashes, 0 5xx, every refusal names node and input',
  async run({ quick, seed }) {
    const runs = quick ? 150 : 2500
    const totals = { sent: 0, accepted: 0 }
    let trouble
    // The small nodes run what is accepted; the shipped ones have every kind of port.
    for (const real of [false, true])
      trouble ??= await withServer({ real }, async server => {
        for (const one of [4711, seed]) {
          const { sent, accepted } = await attack(server, runs, one)
          totals.sent += sent
          totals.accepted += accepted
        }
        return isWell(server)
      })
    const figure =
      trouble ?? `${totals.sent} graphs (seeds 4711 and ${seed}), ${totals.accepted} accepted, the rest refused with 4xx`
    return { ok: !trouble && totals.sent >= runs * 4 && totals.accepted > 0, figure, ...totals }
  },
}
