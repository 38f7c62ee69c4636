import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { jsonOf, listen, postJson, request, runGraph, submit, upload } from '../house.mjs'
import { plugin, startProgram } from '../program.mjs'

const megabyte = 1 << 20
/** Nothing makes it smaller. */
const noise = size =>
  sharp(randomBytes(size * size * 3), { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer()
const saving = (prefix, image = 'a.png') => ({
  1: { class_type: 'LoadImage', inputs: { image } },
  2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
})
const errorOf = entry => entry?.status?.messages.find(([type]) => type === 'execution_error')?.[1]

/** A disk of 20 MB of memory at `folder`; the reason where there can be none. */
function mountAt(folder) {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    return `a small disk can only be mounted by root on Linux (${String(error.stderr ?? error.message).trim()})`
  }
}

async function fill(folder, leaving) {
  await rm(path.join(folder, 'filler'), { force: true })
  const { bavail, bsize } = await statfs(folder)
  await writeFile(path.join(folder, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - leaving), 1)).catch(() => {})
}
const free = folder => rm(path.join(folder, 'filler'), { force: true })

/** Everything that writes, on a disk that is full and then is not. */
async function onFullDisk(folder, wrong) {
  const data = path.join(folder, 'data')
  await mkdir(path.join(data, 'input'), { recursive: true })
  await writeFile(path.join(data, 'input/a.png'), await noise(600))
  const server = await startProgram(data, ['--minimum-free-disk', '0', '--plugin', plugin])
  try {
    const works = async (what, prefix) => {
      const entry = await runGraph(server, saving(prefix))
      if (entry.status?.status_str !== 'success')
        wrong.push(`${what} a job failed: ${JSON.stringify(errorOf(entry) ?? entry).slice(0, 200)}`)
    }
    await works('before', 'before')

    // Space for what the database writes, not for the picture.
    await fill(folder, 400_000)
    const failed = errorOf(await runGraph(server, saving('full')))
    if (!/disk is full.*ENOSPC/.test(failed?.exception_message))
      wrong.push(`a picture without space: ${JSON.stringify(failed ?? null).slice(0, 200)}`)
    await free(folder)
    await works('after a picture found no space', 'between')

    await fill(folder, 0)
    const large = 'x'.repeat(200_000)
    const answers = {
      graph: await postJson(server, '/prompt', { prompt: saving('none') }),
      setting: await postJson(server, '/settings/large', large),
      'user file': await postJson(server, '/userdata/workflows%2Fa.json', large),
      upload: await upload(server, await noise(64), 'up.png'),
    }
    for (const [what, { status }] of Object.entries(answers))
      if (status !== 507) wrong.push(`a ${what} on a full disk: ${status}`)
    if ((await request(server, 'GET', '/queue')).status !== 200) wrong.push('the queue is not told on a full disk')
    await free(folder)
    await works('after no space at all', 'after')
    if (jsonOf(await request(server, 'GET', '/settings/large')) !== null) wrong.push('half a setting was kept')

    await endWithoutSpace(server, folder, wrong)
    await works('at the end', 'end')
    const files = (await readdir(data, { recursive: true }))
      .filter(name => /\.part$|^(input|output|user\/).*\.\w+$/.test(name))
      .sort()
    const wanted = ['input/a.png', ...['after', 'before', 'between', 'end'].map(name => `output/${name}_00001_.png`)]
    const partial = files.filter(name => !wanted.includes(name))
    if (partial.length > 0 || files.length !== wanted.length) wrong.push(`there lie ${files}`)
    if ((await server.kill('SIGTERM')) !== 0) wrong.push('the server did not end with 0')
    return partial.length
  } finally {
    await server.close()
  }
}

/** A job whose end cannot be written down is told when it can, and was run once. */
async function endWithoutSpace(server, folder, wrong) {
  const client = await listen(server, 'one')
  const { body } = await submit(
    server,
    {
      1: { class_type: 'Steps', inputs: { count: 20, wait: 20, seed: 1 } },
      2: { class_type: 'Show', inputs: { value: ['1', 0] } },
    },
    { client_id: 'one' },
  )
  const isMine = one => one.data?.prompt_id === body.prompt_id
  await client.until(one => one.type === 'progress' && isMine(one))
  await fill(folder, 0)
  await sleep(1500)
  if ((await request(server, 'GET', '/queue')).status !== 200) wrong.push('the queue is not told while a job cannot end')
  await free(folder)
  await client.until(one => one.type === 'executing' && one.data.node === null && isMine(one))
  const entry = jsonOf(await request(server, 'GET', `/history/${body.prompt_id}`))[body.prompt_id]
  if (entry?.status.status_str !== 'success')
    wrong.push(`a job whose end found no space: ${JSON.stringify(entry?.status ?? null).slice(0, 200)}`)
  const starts = client.heard.filter(one => one.type === 'execution_start' && isMine(one)).length
  if (starts !== 1) wrong.push(`a job whose end found no space was run ${starts} times`)
  client.close()
}

/** Below what has to stay free nothing new is taken. */
async function belowReserve(folder, wrong) {
  const server = await startProgram(path.join(folder, 'data'), ['--minimum-free-disk', '8'])
  try {
    await fill(folder, 6 * megabyte)
    const { status, body } = await submit(server, saving('reserve'))
    if (status !== 507 || body.error?.type !== 'disk_full') wrong.push(`below the reserve a graph was answered with ${status}`)
    if ((await request(server, 'GET', '/readyz')).status !== 503) wrong.push('below the reserve the server says it is ready')
    await free(folder)
    const entry = await runGraph(server, saving('reserve'))
    if (entry.status?.status_str !== 'success') wrong.push('with space again a job failed')
  } finally {
    await server.close()
  }
}

export default {
  number: 19,
  name: 'disk full',
  wanted:
    'outputs, database, uploads on a disk of 20 MB: the job fails with ENOSPC, the process lives, 0 partial files, works again when freed, 507 below the reserve',
  async run() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-disk-'))
    const reason = mountAt(folder)
    if (reason) return { ok: true, skipped: true, figure: reason }
    const wrong = []
    try {
      const partial = await onFullDisk(folder, wrong)
      await belowReserve(folder, wrong)
      return {
        ok: wrong.length === 0,
        figure: [
          ...wrong.slice(0, 6),
          `4 ways to write and the end of a job on a full disk: ${wrong.length} faults, ${partial} partial files; process alive`,
        ].join('; '),
      }
    } finally {
      execFileSync('umount', ['-l', folder])
      await rm(folder, { recursive: true, force: true })
    }
  },
}
