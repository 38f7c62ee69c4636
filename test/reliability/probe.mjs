// Asks for /healthz on fresh connections until told to end: how the server looks to somebody else while it is attacked.
import { request } from './house.mjs'

const server = { port: Number(process.argv[2]) }
const times = []
let failed = 0
let isOver = false
process.once('message', () => (isOver = true))
await request(server, 'GET', '/healthz', { keep: false })
process.send('ready')
while (!isOver) {
  const { status, ms } = await request(server, 'GET', '/healthz', { keep: false })
  if (status === 200) times.push(ms)
  else failed++
  await new Promise(resolve => setTimeout(resolve, 10))
}
process.send({ times, failed }, () => process.exit(0))
