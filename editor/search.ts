/** How well `text` answers `query`: 0 = not at all. Its beginning beats another word's beats the middle of one beats scattered letters in order. */
export function score(query: string, text: string): number {
  const wanted = query.toLowerCase().trim()
  const given = text.toLowerCase()
  if (!wanted) return 1
  const at = given.indexOf(wanted)
  if (at >= 0) {
    const startsWord = at === 0 || !/[a-z0-9]/.test(given[at - 1])
    return (at === 0 ? 120 : startsWord ? 100 : 60) + (40 * wanted.length) / given.length
  }
  return scattered(wanted.replace(/\s+/g, ''), given)
}

/** Letters in order with gaps: 1 … 40, higher when the letters begin words and lie close. */
function scattered(wanted: string, given: string): number {
  let at = -1
  let sum = 0
  for (const letter of wanted) {
    const next = given.indexOf(letter, at + 1)
    if (next < 0) return 0
    const startsWord = next === 0 || !/[a-z0-9]/.test(given[next - 1])
    sum += startsWord ? 1 : next === at + 1 ? 0.8 : 0.25
    at = next
  }
  return sum / wanted.length < 0.5 ? 0 : (40 * sum) / wanted.length
}

/** The items that answer `query`, best first; each is found by any of its words, the first of them counting most. */
export function search<T>(query: string, items: readonly T[], words: (item: T) => readonly string[]): T[] {
  return items
    .map((item, order) => ({
      item,
      order,
      rank: Math.max(0, ...words(item).map((word, i) => score(query, word) / (i === 0 ? 1 : 1.6))),
    }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank || a.order - b.order)
    .map(({ item }) => item)
}
