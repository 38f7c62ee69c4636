import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { each, isWell, request, submit, upload, withServer, jsonOf } from '../house.mjs'

const canary = 'CANARY-7f3a-8d21'

const { ups, bars, goals, absolute, odd, links } = JSON.parse(await readFile(new URL('../names.json', import.meta.url), 'utf8'))

/** Ways out of a folder that servers have fallen for, in every spelling we know of. */
function hostileNames(root) {
  const climbing = ups.flatMap(up =>
    bars.flatMap(bar => goals.flatMap(goal => [1, 2, 3, 8].map(depth => (up + bar).repeat(depth) + goal))),
  )
  const here = [path.join(root, 'secret.txt'), `${root}/data/../secret.txt`]
  const below = climbing.slice(0, 300).map(name => `sub/${name}`)
  return [...climbing, ...below, ...absolute, ...odd, 'x'.repeat(5000), ...here, ...links]
}

/** What the server itself writes beside the folders: its database and its lock. */
const ofServer = /^(state\.db|server)\b/

/** Every file below a folder but for those where names from outside may write. */
async function snapshot(base, but) {
  const entries = await readdir(base, { recursive: true, withFileTypes: true })
  const rows = await Promise.all(
    entries.map(async entry => {
      const file = path.join(entry.parentPath, entry.name)
      if (but.some(folder => file.startsWith(folder + path.sep)) || ofServer.test(path.relative(path.join(base, 'data'), file)))
        return []
      const sum = entry.isFile()
        ? createHash('sha256')
            .update(await readFile(file))
            .digest('hex')
        : ''
      return [`${path.relative(base, file)} ${sum}`]
    }),
  )
  return rows.flat().sort()
}

/** Everywhere that a name from outside can be given, and how. */
function placements(server, png) {
  const get = url => request(server, 'GET', url)
  const run = prompt => submit(server, prompt)
  const load = image => ({
    1: { class_type: 'LoadImage', inputs: { image } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'ok' } },
  })
  return {
    'view filename': name => get(`/view?filename=${encode(name)}`),
    'view filename, raw': name => get(`/view?filename=${rawly(name)}`),
    'view subfolder': name => get(`/view?filename=secret.txt&subfolder=${encode(name)}`),
    'view type': name => get(`/view?filename=secret.txt&type=${encode(name)}`),
    'upload name': name => upload(server, png, name, { overwrite: 'true' }),
    'upload subfolder': name => upload(server, png, 'up.png', { subfolder: name, overwrite: 'true' }),
    'upload type': name => upload(server, png, 'up.png', { type: name }),
    'userdata file': name => get(`/userdata/${encode(name)}`),
    'userdata file, raw': name => get(`/userdata/${rawly(name)}`),
    'userdata write': name => request(server, 'POST', `/userdata/${encode(name)}`, { body: 'written' }),
    'userdata delete': name => request(server, 'DELETE', `/userdata/${encode(name)}`),
    'userdata move': name => request(server, 'POST', `/userdata/mine.txt/move/${encode(name)}`),
    'userdata dir': name => get(`/userdata?dir=${encode(name)}&recurse=true`),
    'v2 userdata path': name => get(`/v2/userdata?path=${encode(name)}`),
    'versions of a saved workflow': name => get(`/patronus/saved/${encode(name)}/versions`),
    'workflow write': name => request(server, 'POST', `/userdata/${encode(`workflows/${name}`)}`, { body: 'written' }),
    'shipped workflow': name => get(`/patronus/workflows/${encode(name)}`),
    checkpoint: name => get(`/patronus/checkpoints/${encode(name)}`),
    'checkpoint metadata': name => get(`/view_metadata/checkpoints?filename=${encode(name)}`),
    'tiles of a checkpoint': name => get(`/patronus/checkpoints/${encode(name)}/tiles/0.png`),
    'page file': name => get(`/${rawly(name)}`),
    LoadImage: name => run(load(name)),
    'LoadImage of output': name => run(load(`${name} [output]`)),
    filename_prefix: name =>
      run({
        1: { class_type: 'LoadImage', inputs: { image: 'ok.png' } },
        2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: name } },
      }),
  }
}

const encode = name => encodeURIComponent(name.toWellFormed?.() ?? name.replace(/[\ud800-\udfff]/g, ''))
/** As a client that does not encode would send it: its own %2e stays as it is. */
const rawly = name => encodeURI(name).replaceAll('%25', '%').replace(/[?#]/g, encodeURIComponent)

export default {
  number: 6,
  name: 'path traversal',
  wanted: '>= 3,000 names in >= 8 places: 0 canary bytes, 0 files outside, links refused',
  run: ({ quick }) =>
    withServer({}, async server => {
      const { base, data } = server
      await mkdir(path.join(data, 'output-evil'), { recursive: true })
      for (const file of ['secret.txt', 'data/secret.txt', 'data/output-evil/secret.txt'])
        await writeFile(path.join(base, file), canary)
      for (const folder of ['output', 'input', 'temp', 'user/data', 'checkpoints']) {
        const home = path.join(data, folder)
        await mkdir(path.join(home, 'sub'), { recursive: true })
        await symlink(path.join(base, 'secret.txt'), path.join(home, 'link.txt'))
        await symlink(base, path.join(home, 'linked'))
        await symlink(path.join(base, 'nowhere'), path.join(home, 'dangling.txt'))
      }
      const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
        .png()
        .toBuffer()
      await writeFile(path.join(data, 'input/ok.png'), png)
      const writable = ['input', 'output', 'temp', 'user'].map(folder => path.join(data, folder))
      const before = await snapshot(base, writable)

      const names = hostileNames(base)
      const places = Object.entries(placements(server, png))
      const wrong = []
      let asked = 0
      const tried = quick ? names.filter((_, i) => i % 40 === 0 || i >= names.length - 32) : names
      for (const [place, ask] of places)
        await each(tried, 8, async name => {
          const { status, text, error } = await ask(name)
          asked++
          const leak = text.includes(canary) || text.includes('root:x:0:0')
          if (leak || status === 0 || status >= 500)
            wrong.push(`${place} ${JSON.stringify(name.slice(0, 60))}: ${leak ? 'gave the canary away' : status || error}`)
          if (place === 'filename_prefix' && asked % 200 === 0) await settle(server)
        })
      await settle(server)
      const after = await snapshot(base, writable)
      const strays = after
        .filter(row => !before.includes(row))
        .concat(before.filter(row => !after.includes(row)).map(row => `lost: ${row}`))
      const spoilt = (
        await Promise.all(
          ['secret.txt', 'data/secret.txt', 'data/output-evil/secret.txt'].map(file => readFile(path.join(base, file), 'utf8')),
        )
      ).filter(text => text !== canary)
      const trouble = await isWell(server)
      return {
        ok: !trouble && wrong.length === 0 && strays.length === 0 && spoilt.length === 0 && names.length >= 3000,
        figure:
          trouble ??
          [
            ...wrong.slice(0, 6),
            ...strays.slice(0, 6),
            `${tried.length} of ${names.length} names × ${places.length} places = ${asked} requests, ${wrong.length} leaks or failures, ${strays.length} files outside`,
          ].join('; '),
        names: tried.length,
        places: places.length,
        asked,
      }
    }),
}

/** Until nothing is in the queue. */
async function settle(server) {
  while (jsonOf(await request(server, 'GET', '/prompt')).exec_info.queue_remaining > 0)
    await new Promise(resolve => setTimeout(resolve, 20))
}
