import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { readConfiguration, withConfiguration } from '../cli/configuration.ts'
import {
  configurationList,
  configurationTable,
  defaultOf,
  environmentName,
  keyOf,
  type Entry,
} from '../cli/configuration-list.ts'
import { nearestName } from '../cli/nearest-name.ts'
import { Command } from 'commander'

let folder: string
beforeAll(async () => (folder = await mkdtemp(path.join(os.tmpdir(), 'patronus-config-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))
const file = () => path.join(folder, 'patronus.config.json')
afterEach(() => rm(file(), { force: true }))

const write = (value: unknown) => writeFile(file(), typeof value === 'string' ? value : JSON.stringify(value))
const read = (flags: Record<string, unknown> = {}, env: Record<string, string> = {}) => readConfiguration(flags, { env, folder })

/** What commander makes of a command line. */
function flagsOf(...args: string[]): Record<string, unknown> {
  const command = withConfiguration(new Command('serve')).exitOverride()
  return command.parse(args, { from: 'user' }).opts()
}

/** Two values of an entry that differ from each other and from its default, as JSON and as text. */
function samples(entry: Entry): { json: unknown; text: string }[] {
  if (entry.kind === 'whole') return [1, 2, 3].map(n => entry.min + n).map(json => ({ json, text: String(json) }))
  if (entry.kind === 'choice') return entry.choices.filter(choice => choice !== entry.default).map(text => ({ json: text, text }))
  if (entry.kind === 'flag') return [{ json: true, text: '1' }]
  if (entry.kind === 'texts' || entry.kind === 'folders')
    return ['a', 'b', 'c'].map(name => ({ json: [`/${name}`], text: `/${name}` }))
  return ['a', 'b', 'c'].map(name => ({ json: `/${name}`, text: `/${name}` }))
}

test('without anything, every option has the default of the list', async () => {
  const { settings, from } = await read()
  for (const entry of configurationList) expect(settings).toHaveProperty(keyOf(entry.name), defaultOf(entry))
  expect(new Set(Object.values(from))).toEqual(new Set(['default']))
})

test.each(configurationList.map(entry => [entry.name, entry as Entry] as const))(
  '%s: a flag wins over the environment, that over the file, that over the default',
  async (name, entry) => {
    const [first, second = first, third = second] = samples(entry)
    const at = async (flags: Record<string, unknown>, env: Record<string, string>) => {
      const { settings, from } = await read(flags, env)
      return [(settings as Record<string, unknown>)[keyOf(name)], from[name]]
    }
    await write({ [name]: first.json })
    expect(await at({}, {})).toEqual([first.json, 'file'])
    const env = { [environmentName(name)]: second.text }
    expect(await at({}, env)).toEqual([second.json, 'environment'])
    const flags = flagsOf(...(entry.kind === 'flag' ? [`--${name}`] : [`--${name}`, third.text]))
    expect(await at(flags, env)).toEqual([third.json, 'flag'])
  },
)

test('an option that may be given several times is collected from flags, and split at commas from the environment', async () => {
  expect((await read(flagsOf('--allow-host', 'a', '--allow-host', 'b'))).settings.allowHost).toEqual(['a', 'b'])
  expect((await read({}, { PATRONUS_ALLOW_HOST: ' a, b ,' })).settings.allowHost).toEqual(['a', 'b'])
})

test('a folder in a file is meant from where the file lies', async () => {
  await write({ data: 'mine', checkpoints: ['models', '/abs'] })
  const { settings } = await readConfiguration({ config: file() }, { env: {}, folder: os.tmpdir() })
  expect([settings.data, settings.checkpoints]).toEqual([path.join(folder, 'mine'), [path.join(folder, 'models'), '/abs']])
})

test('an empty variable counts as not given, and one that is no option is named', async () => {
  const { settings, strangers } = await read({}, { PATRONUS_TOKEN: '', PATRONUS_PROT: '1', PATRONUS_CACHE: 'off', PATH: 'x' })
  expect([settings.token, strangers]).toEqual([undefined, ['PATRONUS_PROT']])
})

const wrong: [what: string, value: unknown, env: Record<string, string>, says: RegExp][] = [
  ['a port that is a text', { port: '80' }, {}, /config\.json: port: wanted a whole number 0 … 65535, got "80"$/],
  ['a port out of range', { port: 65_536 }, {}, /port: wanted a whole number 0 … 65535, got 65536$/],
  ['a port in the environment that is none', {}, { PATRONUS_PORT: '80a' }, /^PATRONUS_PORT: wanted a whole .*, got "80a"$/],
  ['half a second', { grace: 0.5 }, {}, /grace: wanted a whole number .*, got 0.5$/],
  ['an unknown device', { device: 'gpu' }, {}, /device: wanted one of auto, cuda, .*, got "gpu"$/],
  ['a list that is a text', { 'allow-host': 'lab' }, {}, /allow-host: wanted a list of texts, got "lab"$/],
  ['a flag that is a text', { open: 'maybe' }, {}, /open: wanted true or false, got "maybe"$/],
  ['a flag that is neither', {}, { PATRONUS_OPEN: 'maybe' }, /^PATRONUS_OPEN: wanted true or false, got "maybe"$/],
  ['an empty data folder', { data: '' }, {}, /data: wanted a folder, got ""$/],
  ['null', { host: null }, {}, /host: wanted a text, got null$/],
  ['a misspelt key', { prot: 1 }, {}, /there is no option "prot"; did you mean "port"\?$/],
  ['a key in another case', { allowHosts: [] }, {}, /"allowHosts"; did you mean "allow-host"\?$/],
  ['a key like nothing', { zzzzzzzzz: 1 }, {}, /"zzzzzzzzz"; the options are port, host, /],
  ['a prototype', '{"__proto__": {"port": 1}}', {}, /there is no option "__proto__"/],
  ['a list', [], {}, /wanted an object of options, such as {"port": 8188}, got a list$/],
  ['no JSON', '{port: 1}', {}, /config\.json: wanted JSON, such as .*, got something else at position 1/],
]
test.each(wrong)('%s is refused with key, wanted and got', async (_, value, env, says) => {
  await write(value)
  await expect(read({}, env)).rejects.toThrow(says)
})

test('all faults are told at once, and a token is never shown, neither wrong nor in a file that cannot be read', async () => {
  await write({ port: -1, token: { secret: 'sesame' }, hots: 1 })
  const { message } = (await read().catch((error: Error) => error)) as Error
  expect(message.split('\n')).toHaveLength(3)
  expect(message).toMatch(/token: wanted a text, got something else/)
  expect(message).not.toMatch(/sesame/)
  await write('{"token": sesame}')
  await expect(read()).rejects.not.toThrow(/sesame/)
})

test('a file that was asked for has to be there, the usual one need not', async () => {
  await expect(read({ config: 'other.json' })).rejects.toThrow(/other\.json: cannot be read \(ENOENT\)/)
  await expect(read({}, { PATRONUS_CONFIG: 'other.json' })).rejects.toThrow(/ENOENT/)
  expect((await read()).file).toBeUndefined()
})

test('whatever JSON stands in the file, it is either taken with only values of the list, or refused in words', async () => {
  const names = configurationList.map(({ name }) => name)
  const keys = fc.oneof(fc.constantFrom<string>(...names), fc.string())
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.dictionary(keys, fc.jsonValue()), fc.jsonValue()), async value => {
      await write(value as object)
      const outcome = await read().catch((error: Error) => error)
      if (outcome instanceof Error) expect([outcome.name, outcome.message]).toEqual(['Failure', expect.stringMatching(/./)])
      else expect(names).toEqual(expect.arrayContaining(Object.keys(value as object)))
    }),
    { numRuns: 200 },
  )
})

test('docs/configuration.md says what the list says', async () =>
  expect(await readFile(path.join(__dirname, '../docs/configuration.md'), 'utf8')).toContain(configurationTable()))

test('every option has its flag in --help, with its default', () => {
  const help = withConfiguration(new Command('serve')).helpInformation()
  for (const { name } of configurationList) expect(help).toContain(`--${name}`)
  expect(help.replace(/\s+/g, ' ')).toMatch(/running graph may go on when the server is asked to stop \(default: 30\)/)
})

test.each([
  ['prot', 'port'],
  ['DATA', 'data'],
  ['log_level', 'log-level'],
  ['tokken', 'token'],
  ['minimumFreeDisc', 'minimum-free-disk'],
  ['port', 'port'],
])('the nearest name to %s is %s', (given, wanted) =>
  expect(
    nearestName(
      given,
      configurationList.map(({ name }) => name),
    ),
  ).toBe(wanted),
)

test.each(['', 'x', 'colour', 'frontend'])('nothing is near to "%s"', given =>
  expect(nearestName(given, ['port', 'host', 'log-level'])).toBeUndefined(),
)
