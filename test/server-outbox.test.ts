import { setTimeout as sleep } from 'node:timers/promises'
import { createOutbox } from '../server/outbox.ts'
import type { RunEvent } from '../server/runner.ts'

const bar = (value: number): RunEvent => ({
  kind: 'message',
  message: { type: 'progress', data: { value, max: 9, prompt_id: 'p', node: 'n' } },
})
const executing: RunEvent = { kind: 'message', message: { type: 'executing', data: { node: 'n', prompt_id: 'p' } } }
const picture: RunEvent = {
  kind: 'preview',
  frame: { promptId: 'p', node: 'n', mime: 'image/png', image: new Uint8Array(1) },
}
/** What a batch holds, in short. */
const inShort = (event: RunEvent) => (event.kind === 'preview' ? 'picture' : event.message.type)

function gathering(every?: number) {
  const batches: { events: string[]; batch?: number }[] = []
  const outbox = createOutbox((events, batch) => batches.push({ events: events.map(inShort), batch }), every)
  return { batches, outbox }
}

test('the first picture goes at once, with the bar that moved before it', () => {
  const { batches, outbox } = gathering()
  void outbox.put(bar(1))
  void outbox.put(picture)
  expect(batches).toEqual([{ events: ['progress', 'picture'], batch: 1 }])
})

test('steps quicker than the screen travel together, none is lost, and they keep their order', async () => {
  const { batches, outbox } = gathering(40)
  for (let i = 1; i <= 4; i++) {
    void outbox.put(bar(i))
    void outbox.put(picture)
  }
  await sleep(80)
  expect(batches.map(({ events }) => events.length)).toEqual([2, 6])
  expect(batches.flatMap(({ events }) => events)).toEqual(Array(4).fill(['progress', 'picture']).flat())
})

test('of the bars of all nodes, a batch tells the last', async () => {
  const { batches, outbox } = gathering(20)
  const bars: RunEvent = { kind: 'message', message: { type: 'progress_state', data: { prompt_id: 'p', nodes: {} } } }
  for (let i = 1; i <= 3; i++) {
    void outbox.put(bars)
    void outbox.put(bar(i))
  }
  await sleep(40)
  expect(batches.map(({ events }) => events)).toEqual([['progress', 'progress', 'progress_state', 'progress']])
})

test('but never past what is told once: bars stand before the node they begin with', async () => {
  const { batches, outbox } = gathering(20)
  const bars: RunEvent = { kind: 'message', message: { type: 'progress_state', data: { prompt_id: 'p', nodes: {} } } }
  for (const event of [bars, executing, bars, bars, executing]) void outbox.put(event)
  await new Promise(setImmediate)
  expect(batches.map(({ events }) => events)).toEqual([['progress_state', 'executing', 'progress_state', 'executing']])
})

test('a picture is taken when its batch is, and not before', async () => {
  const { outbox } = gathering(20)
  const taken: number[] = []
  const put = (n: number) => void outbox.put(picture)!.then(() => taken.push(n))
  put(1)
  put(2)
  put(3)
  await sleep(40)
  expect(taken).toEqual([])
  outbox.taken(2)
  await sleep(0)
  expect(taken).toEqual([2, 3])
  outbox.taken(1)
  await sleep(0)
  expect(taken).toEqual([2, 3, 1])
})

test('what is told once does not wait for the screen, and takes what came before it along', async () => {
  const { batches, outbox } = gathering(10_000)
  void outbox.put(picture)
  void outbox.put(bar(1))
  void outbox.put(executing)
  await new Promise(setImmediate)
  expect(batches).toEqual([{ events: ['picture'], batch: 1 }, { events: ['progress', 'executing'] }])
})
