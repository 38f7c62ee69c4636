import { readFileSync } from 'node:fs'
import { request, withServer } from '../house.mjs'

/** Name of the case, its headers, and what a GET, a POST and an upgrade with them are answered. */
export const table = JSON.parse(readFileSync(new URL('../headers.json', import.meta.url), 'utf8'))

const upgrade = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

export default {
  number: 4,
  name: 'other origins and rebound names',
  wanted: `${table.length} cases by GET, POST and upgrade as tabled: 100 %`,
  run: () =>
    withServer({}, async server => {
      const wrong = []
      const ask = async (method, url, headers, status, name) => {
        const filled = Object.fromEntries(
          Object.entries(headers).map(([key, value]) => [key, value.replaceAll('PORT', String(server.port))]),
        )
        const answer = await request(server, method, url, {
          headers: filled,
          lie: true,
          keep: false,
          body: method === 'POST' ? '{}' : undefined,
        })
        if (answer.status !== status) wrong.push(`${name}: ${method} ${url} was answered ${answer.status}, not ${status}`)
      }
      for (const [name, headers, get, post, socket] of table) {
        await ask('GET', '/api/queue', headers, get, name)
        await ask('POST', '/interrupt', headers, post, name)
        for (const url of ['/ws', '/api/ws']) await ask('GET', url, { ...headers, ...upgrade }, socket, `${name}, upgrade`)
      }
      const asked = table.length * 4
      return {
        ok: wrong.length === 0,
        figure: wrong.slice(0, 5).join('; ') || `${asked} of ${asked} as tabled`,
        cases: table.length,
      }
    }),
}
