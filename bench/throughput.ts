import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { WebSocket } from 'ws'
import { workerScript } from '../cli/worker-script.ts'
import { startServer } from '../server/main.ts'

/**
 * How many trivial graphs a second the server takes from `POST /prompt` to the end of the job, all nodes cached: what the protocol
 * itself costs. `taskset -c 0 node dist/bench/throughput.js [graphs]`: server, worker and client on one core. With the origin of a
 * server that runs with --conformance-nodes behind it, that one is asked, and may have a core without the client on it.
 */
const [graphs, given] = [Number(process.argv[2] ?? 2000), process.argv[3]]
const atOnce = 50

const prompt = {
  '1': { class_type: 'ConformFloat', inputs: { value: 1 } },
  '2': { class_type: 'ConformFloat', inputs: { value: 2 } },
  '3': { class_type: 'ConformAdd', inputs: { a: ['1', 0], b: ['2', 0] } },
  '4': { class_type: 'ConformShow', inputs: { value: ['3', 0] } },
}

const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
const post = (origin: string, body: string) =>
  new Promise<void>((resolve, reject) => {
    const sending = request(`${origin}/prompt`, { method: 'POST', agent }, response => {
      if (response.statusCode !== 200) reject(new Error(`POST /prompt answered ${response.statusCode}`))
      response.resume().once('end', resolve)
    })
    sending.once('error', reject)
    sending.end(body)
  })

/** A server of our own, over an empty folder. */
async function ownServer(): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const data = await mkdtemp(path.join(os.tmpdir(), 'patronus-throughput-'))
  const server = await startServer({
    ...{ worker: workerScript, port: 0, data, device: 'cpu', warm: false, conformanceNodes: true, log: 'silent' },
  })
  return {
    origin: `http://127.0.0.1:${server.port}`,
    close: async () => {
      await server.close()
      await rm(data, { recursive: true, force: true })
    },
  }
}

async function main(): Promise<void> {
  const server = given === undefined ? await ownServer() : { origin: new URL(given).origin, close: async () => {} }
  const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/ws?clientId=bench`)
  await new Promise(resolve => socket.once('open', resolve))
  let ended = 0
  const waiting: (() => void)[] = []
  const anEnd = () => new Promise<void>(resolve => waiting.push(resolve))
  socket.on('message', (message: Buffer, isBinary) => {
    if (isBinary || !message.includes('"node":null')) return
    ended++
    waiting.splice(0).forEach(resolve => resolve())
  })
  const body = JSON.stringify({ prompt, client_id: 'bench' })
  const runAll = async (count: number) => {
    const goal = ended + count
    let sent = 0
    const sender = async () => {
      while (sent < count) {
        // Never more waiting than the queue takes.
        while (sent - (ended + count - goal) > 200) await anEnd()
        sent++
        await post(server.origin, body)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, sender))
    while (ended < goal) await anEnd()
  }
  await runAll(200)
  const began = performance.now()
  await runAll(graphs)
  const seconds = (performance.now() - began) / 1000
  process.stdout.write(
    `${graphs} cached graphs of 4 nodes in ${seconds.toFixed(2)} s: ${(graphs / seconds).toFixed(0)} a second\n`,
  )
  socket.close()
  agent.destroy()
  await server.close()
}

await main()
