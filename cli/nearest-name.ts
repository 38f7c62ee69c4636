/** The name that was probably meant, whatever its case and what stands between its words; undefined when none is near. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const plain = (name: string) => name.toLowerCase().replace(/[\s_-]/g, '')
  const [best] = names
    .map(name => ({ name, distance: editDistance(plain(given).slice(0, 100), plain(name)) }))
    .sort((a, b) => a.distance - b.distance)
  return best && best.distance <= Math.max(1, Math.floor(plain(best.name).length / 3)) ? best.name : undefined
}

/** Letters to change, put in, take out or swap with their neighbour, to come from a to b (Damerau's, neighbours touched once). */
function editDistance(a: string, b: string): number {
  const cost: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i])
  for (let j = 1; j <= b.length; j++) cost[0][j] = j
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const replaced = cost[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      cost[i][j] = Math.min(replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost[i][j] = Math.min(cost[i][j], cost[i - 2][j - 2] + 1)
    }
  return cost[a.length][b.length]
}
