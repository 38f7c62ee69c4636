/**
 * A CSV of yes/no facts about pictures: a header line, then one line a picture, its file name first. Yes is 1 or true,
 * no is 0, -1 or false (CelebA writes -1). Cells may be quoted; separators are commas or semicolons.
 */
export type AttributeTable = { readonly names: readonly string[]; readonly rows: ReadonlyMap<string, readonly number[]> }

const truth: Readonly<Record<string, number>> = { '1': 1, true: 1, yes: 1, '0': 0, '-1': 0, false: 0, no: 0 }

/** Parses the table; `source` is what errors call it. Every fault names its line and column. */
export function parseAttributes(text: string, source: string): AttributeTable {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const separator = lines[0].includes(';') && !lines[0].includes(',') ? ';' : ','
  const [, ...names] = cells(lines[0], separator)
  if (!names.length)
    throw new Error(`${source}: wanted a header line "file,attribute,…", got ${JSON.stringify(lines[0].slice(0, 60))}`)
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated !== undefined) throw new Error(`${source}: the attribute "${repeated}" occurs twice in the header`)
  const rows = new Map<string, readonly number[]>()
  lines.slice(1).forEach((line, i) => {
    if (!line.trim()) return
    const where = `${source}, line ${i + 2}`,
      [file, ...values] = cells(line, separator)
    if (values.length !== names.length)
      throw new Error(`${where}: wanted ${names.length} values after the file name, got ${values.length}`)
    if (rows.has(file)) throw new Error(`${where}: "${file}" has a row already`)
    const row = values.map((value, k) => {
      const fact = truth[value.trim().toLowerCase()]
      if (fact === undefined)
        throw new Error(
          `${where}: "${names[k]}" of "${file}" should be 1 or 0 (or true, false, -1), got ${JSON.stringify(value)}`,
        )
      return fact
    })
    rows.set(file, row)
  })
  return { names, rows }
}

/** The cells of one line; "" inside a quoted cell is a quote. */
function cells(line: string, separator: string): string[] {
  const out: string[] = []
  let cell = '',
    quoted = false
  for (let i = 0; i < line.length; i++) {
    const c = line[i]
    if (quoted && c === '"' && line[i + 1] === '"') ((cell += '"'), i++)
    else if (c === '"') quoted = !quoted
    else if (c === separator && !quoted) (out.push(cell.trim()), (cell = ''))
    else cell += c
  }
  return [...out, cell.trim()]
}
