import type { ServerMessage } from '../server/protocol.ts'
import {
  answered,
  checked,
  cleared,
  nothingYet,
  previewed,
  recalled,
  receive,
  refused,
  remembered,
  sent,
  type Live,
} from '../editor/state.ts'

const picture = { width: 64, height: 64 }
const image = (filename: string, type: 'output' | 'input' = 'output') => ({ filename, subfolder: '', type })
const play = (live: Live, ...messages: ServerMessage[]): Live =>
  messages.reduce((next, message, i) => receive(next, message, 1000 + 100 * i), live)
const start = (run: string): ServerMessage => ({ type: 'execution_start', data: { prompt_id: run, timestamp: 0 } })
const executing = (run: string, node: string | null): ServerMessage => ({ type: 'executing', data: { prompt_id: run, node } })
const shown = (run: string, node: string, name: string): ServerMessage => ({
  type: 'executed',
  data: { prompt_id: run, node, display_node: node, output: { images: [image(name)] } },
})
const running = (run: string, node: string) => play(sent(nothingYet, run, '{"w":1}', 0), start(run), executing(run, node))

test('a run leads from the queue through its nodes to nothing running, and its picture among the results', () => {
  const queued = sent(nothingYet, 'r', '{"w":1}', 0)
  const live = play(queued, start('r'), executing('r', '6'), executing('r', '7'), shown('r', '7', 'a.png'), executing('r', null))
  expect(live.run).toBeUndefined()
  expect(live.nodes['6']).toMatchObject({ status: 'done', took: 100 })
  expect(live.results).toEqual([{ run: 'r', node: '7', image: image('a.png'), at: 1300, workflow: '{"w":1}' }])
})

test('preview frames are counted from one in every run', () => {
  const first = ['a', 'b'].reduce(live => previewed(live, '6', 'r', picture), running('r', '6'))
  expect(first.nodes['6'].preview?.number).toBe(2)
  const again = play(first, executing('r', null), start('s'), executing('s', '6'))
  expect(again.nodes['6'].preview?.number).toBe(2)
  expect(previewed(again, '6', 's', picture).nodes['6'].preview?.number).toBe(1)
})

test('a frame of another run, or one later than the result, changes nothing', () => {
  const live = running('r', '7')
  expect(previewed(live, '7', 'old', picture)).toBe(live)
  const finished = play(live, shown('r', '7', 'a.png'), executing('r', null))
  expect(previewed(finished, '7', 'r', picture)).toBe(finished)
})

test('an error stands on its node and in the list, and goes with the next run', () => {
  const error: ServerMessage = {
    type: 'execution_error',
    data: {
      prompt_id: 'r',
      node_id: '6',
      node_type: 'X',
      executed: [],
      exception_message: 'steps: no\n',
      exception_type: 'Error',
      traceback: [],
      current_inputs: {},
      current_outputs: [],
      timestamp: 0,
    },
  }
  const broken = play(running('r', '6'), error, executing('r', null))
  expect(broken.nodes['6']).toMatchObject({ status: 'failed', error: 'steps: no' })
  expect(broken.problems).toHaveLength(1)
  expect(broken.run).toBeUndefined()
  const again = sent(broken, 's', '{}', 0)
  expect(again.problems).toEqual([])
  expect(again.nodes['6'].error).toBeUndefined()
})

test('a refusal marks each node it names and keeps what was shown', () => {
  const before = play(running('r', '7'), shown('r', '7', 'a.png'), executing('r', null))
  const live = refused(before, [{ node: '6', message: 'no', severity: 'error', from: 'refusal' }])
  expect(live.nodes['6'].error).toBe('no')
  expect(live.nodes['7'].output).toBe(before.nodes['7'].output)
})

test('another graph forgets its nodes, not its results', () => {
  const live = cleared(play(running('r', '7'), shown('r', '7', 'a.png')))
  expect(live.nodes).toEqual({})
  expect(live.results).toHaveLength(1)
})

test('what a cached node once showed is filled in, and never replaces what is there', () => {
  const cached = play(nothingYet, { type: 'execution_cached', data: { nodes: ['3'], prompt_id: 'r', timestamp: 0 } })
  const live = recalled(play(cached, shown('r', '7', 'new.png')), { '3': { text: ['s'] }, '7': { images: [image('old.png')] } })
  expect(live.nodes['3'].output).toEqual({ text: ['s'] })
  expect(live.nodes['7'].output?.images?.[0].filename).toBe('new.png')
})

test('earlier runs are listed once, newest first, behind this session; inputs are no results', () => {
  const runs = ['a.png', 'b.png'].map((name, at) => ({
    run: name,
    at,
    outputs: { '7': { images: [image(name), image('in.png', 'input')] } },
  }))
  const live = remembered(play(running('r', '7'), shown('r', '7', 'b.png')), runs)
  expect(live.results.map(result => result.image.filename)).toEqual(['b.png', 'a.png'])
  expect(remembered(live, runs).results).toHaveLength(2)
})

test('a queued second run does not take the place of the one that runs', () => {
  expect(sent(running('r', '6'), 's', '{}', 0).run?.id).toBe('r')
})

test('messages of unknown types change nothing', () => {
  const unknown = { type: 'logs', data: {} } as unknown as ServerMessage
  expect(receive(nothingYet, unknown, 0)).toBe(nothingYet)
})

test('a run that ends before the server has answered stays ended', () => {
  const over = play(sent(nothingYet, 'r', '{}', 0), start('r'), executing('r', '5'), executing('r', null))
  expect(answered(over, 'r', 'r').run).toBeUndefined()
})

test('a run that the server does not take is no run', () => {
  expect(answered(sent(nothingYet, 'r', '{}', 0), 'r', undefined).run).toBeUndefined()
})

test('a run that the server names otherwise is followed under that name', () => {
  const live = answered(sent(nothingYet, 'r', '{"w":1}', 0), 'r', 'other')
  expect(live.run?.id).toBe('other')
  expect(play(live, start('other'), shown('other', '7', 'a.png')).results[0].workflow).toBe('{"w":1}')
})

test('a refusal is over when its node has nothing wrong any more', () => {
  const live = refused(nothingYet, [{ node: '6', message: 'no', severity: 'error', from: 'refusal' }])
  const warning = { node: '6', message: 'still', severity: 'warning', from: 'check' } as const
  expect(checked(live, [warning]).nodes['6'].error).toBe('no')
  expect(checked(live, []).nodes['6'].error).toBeUndefined()
  expect(checked(live, []).problems).toEqual([])
})
