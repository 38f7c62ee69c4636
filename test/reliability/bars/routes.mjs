import { request, withServer } from '../house.mjs'

/** Paths that are no routes but answer: the page, its files, what is not there. */
const besides = ['/', '/index.html', '/assets/x.js', '/no/such/thing', '/api/no/such/thing'].flatMap(path =>
  ['GET', 'POST', 'HEAD', 'OPTIONS'].map(method => ({ method, path })),
)
/** Said to anybody who reaches the machine, so that a supervisor needs no token. The Host rule holds. */
const open = new Set(['/healthz'])

const filled = path => path.replace(/\/\{\*\w+\}/g, '/x').replace(/[:*]\w+/g, 'x')

export default {
  number: 5,
  name: 'every route is guarded',
  wanted: 'every registered route refuses a foreign Origin, a rebound Host and a missing token: 100 %',
  async run() {
    const wrong = []
    let asked = 0
    const check = async (server, { method, path }, headers, statuses) => {
      asked++
      const verb = method === '_ALL' ? 'GET' : method
      const { status } = await request(server, verb, filled(path), { headers, lie: true, keep: false })
      if (!statuses.includes(status)) wrong.push(`${verb} ${path} with ${JSON.stringify(headers)} was answered ${status}`)
    }
    const count = await withServer({}, async server => {
      const routes = await server.ask('routes')
      const host = `127.0.0.1:${server.port}`
      for (const route of [...routes, ...besides]) {
        await check(server, route, { Host: host, Origin: 'https://evil.example' }, [403])
        await check(server, route, { Host: host, Origin: 'null' }, [403])
        await check(server, route, { Host: `evil.example:${server.port}` }, [403])
        await check(server, route, { Host: host, 'Sec-Fetch-Site': 'cross-site' }, [403])
      }
      return routes.length
    })
    await withServer({ token: 'open sesame' }, async server => {
      const routes = await server.ask('routes')
      const host = `127.0.0.1:${server.port}`
      for (const route of [...routes, ...besides]) {
        const may = open.has(route.path.replace(/^\/api/, '')) ? [401, 200] : [401]
        await check(server, route, { Host: host }, may)
        await check(server, route, { Host: host, Authorization: 'Bearer open' }, may)
      }
    })
    return {
      // As many as stand in server/routes today; fewer means that they were not found.
      ok: wrong.length === 0 && count >= 90,
      figure: [...wrong.slice(0, 5), `${count} routes found in the router, ${asked} requests, ${wrong.length} let through`].join(
        '; ',
      ),
      routes: count,
    }
  },
}
