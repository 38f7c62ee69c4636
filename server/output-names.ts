/** A wish for names of pictures that a node is about to write into one folder. */
export type Claim = {
  readonly promptId: string
  readonly node: string
  /** How many pictures that node named before in this run of the job. */
  readonly position: number
  readonly type: 'output'
  readonly subfolder: string
  /** The name without number; `%batch_num%` stands in it as it was written. */
  readonly stem: string
  readonly count: number
  /** One more than the highest number that lies in the folder. */
  readonly from: number
}

/** One saved picture: where it lies, and which node of which job it is from. */
export type OutputFile = {
  readonly promptId: string
  readonly node: string
  readonly type: 'output'
  readonly subfolder: string
  readonly filename: string
}

/** `stem_00001_.png`; `batch` is the place of the picture in its batch. */
export const outputName = (stem: string, batch: number, counter: number): string =>
  `${stem.replaceAll('%batch_num%', String(batch))}_${String(counter).padStart(5, '0')}_.png`

/** The names of a claim: those that were given before, by position, and new ones counted from `start` for the rest. */
export function namesFor({ position, stem, count }: Claim, given: ReadonlyMap<number, string>, start: number): string[] {
  let counter = start
  return Array.from({ length: count }, (_, b) => given.get(position + b) ?? outputName(stem, b, counter++))
}

/** The number of a file whose name came of that stem; 0 for any other. */
export function counterOf(stem: string, filename: string): number {
  const escaped = stem.split('%batch_num%').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const [, digits] = new RegExp(`^${escaped.join('\\d+')}_(\\d+)_?\\.`, 'i').exec(filename) ?? []
  return Number(digits ?? 0)
}

/**
 * What whoever runs graphs asks of whoever keeps things: the process above it, or in tests the same one. Plain questions and
 * plain answers, since they cross between processes.
 */
export type Keeper = {
  /** Names that people gave to the prototypes of the checkpoint of that SHA-256, for labels. */
  shownNames(checkpoint: string): Promise<Readonly<Record<string, string>>>
  /**
   * Names for pictures, written down before the pictures are: a job that was killed and runs again is given the same ones, and
   * its second run overwrites what its first one wrote instead of standing beside it.
   */
  claim(claim: Claim): Promise<readonly string[]>
}

/** Keeps nothing: for a run that nobody will repeat. */
export const noKeeper: Keeper = { shownNames: async () => ({}), claim: async claim => namesFor(claim, new Map(), claim.from) }

/** Counts a node's pictures over a whole run of a job, however often it is called. */
export function createClaims(promptId: string, keeper: Pick<Keeper, 'claim'>) {
  const named = new Map<string, number>()
  return (node: string, wish: Omit<Claim, 'promptId' | 'node' | 'position'>): Promise<readonly string[]> => {
    const position = named.get(node) ?? 0
    named.set(node, position + wish.count)
    return keeper.claim({ promptId, node, position, ...wish })
  }
}
