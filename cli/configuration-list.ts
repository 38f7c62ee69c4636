import { deviceNames } from './options.ts'

/**
 * Every option of the server, once: flags, environment, configuration file and docs/configuration.md are all made from this
 * list, so that they cannot say different things. A name is the flag without its dashes and the key in the file; in the
 * environment it is PATRONUS_ and the name in capitals.
 */
type Common = {
  readonly name: string
  readonly help: string
  /** One letter, for the command line. */
  readonly short?: string
  /** What stands for the value in `--help`. */
  readonly argument?: string
  /** Never shown, whatever is said about it. */
  readonly secret?: true
}
export type Entry = Common &
  (
    | { readonly kind: 'whole'; readonly min: number; readonly max: number; readonly default: number }
    | { readonly kind: 'text' | 'folder'; readonly default?: string }
    | { readonly kind: 'texts' | 'folders' }
    | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly default: string }
    | { readonly kind: 'flag' }
  )

export const configurationList = [
  {
    name: 'port',
    kind: 'whole',
    min: 0,
    max: 65_535,
    default: 8188,
    short: 'p',
    argument: 'number',
    help: 'port; 0 takes any free one',
  },
  {
    name: 'host',
    kind: 'text',
    default: '127.0.0.1',
    argument: 'address',
    help: 'address to listen on; anything beyond this machine wants a token',
  },
  { name: 'data', kind: 'folder', default: 'data', argument: 'folder', help: 'folder for input, output and user files' },
  { name: 'checkpoints', kind: 'folders', argument: 'folder', help: 'folder of checkpoints besides the shipped ones' },
  { name: 'device', kind: 'choice', choices: deviceNames, default: 'auto', argument: 'name', help: 'where networks run' },
  {
    name: 'plugin',
    kind: 'texts',
    argument: 'name-or-path',
    help: 'more nodes: a package of node_modules here, a folder or a file; it runs with all rights of the program',
  },
  {
    name: 'token',
    kind: 'text',
    secret: true,
    argument: 'secret',
    help: 'ask every client for this; other people on the machine can read flags, so rather set it in the environment',
  },
  { name: 'allow-host', kind: 'texts', argument: 'name', help: 'another name the server answers to, as behind a proxy' },
  {
    name: 'allow-origin',
    kind: 'texts',
    argument: 'origin',
    help: 'another page that may use it, such as https://lab.example',
  },
  { name: 'open', kind: 'flag', help: 'open the page in a browser' },
  { name: 'verbose', kind: 'flag', help: 'log every request and job, as JSON lines on stderr: log-level info, at least' },
  {
    name: 'log-level',
    kind: 'choice',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'warn',
    argument: 'level',
    help: 'what is logged; debug adds every node and the graphs themselves',
  },
  {
    name: 'grace',
    kind: 'whole',
    min: 0,
    max: 86_400,
    default: 30,
    argument: 'seconds',
    help: 'how long a running graph may go on when the server is asked to stop',
  },
  {
    name: 'queue-limit',
    kind: 'whole',
    min: 1,
    max: 1_000_000,
    default: 1000,
    argument: 'jobs',
    help: 'graphs that may wait at once; more are refused and told to come back',
  },
  {
    name: 'queue-size-limit',
    kind: 'whole',
    min: 1,
    max: 65_536,
    default: 256,
    argument: 'MiB',
    help: 'what all graphs that wait may have together, MiB; more are refused and told to come back',
  },
  {
    name: 'history-limit',
    kind: 'whole',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    argument: 'jobs',
    help: 'finished graphs that are remembered; the oldest make room',
  },
  {
    name: 'upload-limit',
    kind: 'whole',
    min: 1,
    max: 4096,
    default: 100,
    argument: 'MiB',
    help: 'largest picture that may be uploaded, MiB',
  },
  {
    name: 'minimum-free-disk',
    kind: 'whole',
    min: 0,
    max: 1 << 30,
    default: 512,
    argument: 'MiB',
    help: 'disk space that has to stay free, MiB; below it the server counts as not ready and takes no new graphs',
  },
  {
    name: 'front-end-root',
    kind: 'folder',
    argument: 'folder',
    help: "a built ComfyUI front end to serve at /; this project's page is then at /patronus/editor/",
  },
  {
    name: 'conformance-nodes',
    kind: 'flag',
    help: 'load tiny nodes that test suites drive the executor with',
  },
] as const satisfies readonly Entry[]

type Listed = (typeof configurationList)[number]
type Camel<Name extends string> = Name extends `${infer First}-${infer Rest}` ? `${First}${Capitalize<Camel<Rest>>}` : Name
type ValueOf<E extends Listed> = E extends { kind: 'whole' }
  ? number
  : E extends { kind: 'flag' }
    ? boolean
    : E extends { kind: 'texts' | 'folders' }
      ? readonly string[]
      : E extends { kind: 'choice'; choices: readonly (infer Choice)[] }
        ? Choice
        : E extends { default: string }
          ? string
          : string | undefined

/** All options with their values: `settings.allowHost` is the entry `allow-host`. */
export type Settings = { readonly [E in Listed as Camel<E['name']>]: ValueOf<E> }

export const keyOf = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
export const environmentName = (name: string): string => `PATRONUS_${name.toUpperCase().replaceAll('-', '_')}`

export const defaultOf = (entry: Entry): unknown =>
  'default' in entry ? entry.default : entry.kind === 'flag' ? false : isList(entry) ? [] : undefined

export const defaultSettings = (): Settings =>
  Object.fromEntries(configurationList.map(entry => [keyOf(entry.name), defaultOf(entry)])) as Settings

export const isList = ({ kind }: Entry): boolean => kind === 'texts' || kind === 'folders'

/** What an entry takes, in words. */
export function wantedBy(entry: Entry): string {
  if (entry.kind === 'whole') return `a whole number ${entry.min} … ${entry.max}`
  if (entry.kind === 'choice') return `one of ${entry.choices.join(', ')}`
  if (entry.kind === 'flag') return 'true or false'
  if (isList(entry)) return `a list of ${entry.kind === 'texts' ? 'texts' : 'folders'}`
  return entry.kind === 'folder' ? 'a folder' : 'a text'
}

/** The table of docs/configuration.md. */
export function configurationTable(list: readonly Entry[] = configurationList): string {
  const code = (text: string) => `\`${text}\``
  const shown = (entry: Entry) => {
    const value = defaultOf(entry)
    return value === undefined || (Array.isArray(value) && value.length === 0) ? '' : code(String(value))
  }
  const rows = list.map(entry => [
    code(entry.name),
    code(environmentName(entry.name)),
    wantedBy(entry),
    shown(entry),
    entry.help.replaceAll('|', '\\|'),
  ])
  const table = [['name', 'in the environment', 'takes', 'default', ''], Array<string>(5).fill('---'), ...rows]
  return table.map(cells => `| ${cells.join(' | ')} |\n`).join('')
}
