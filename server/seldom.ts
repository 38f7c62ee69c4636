/** Looks again when what was found is older than `keep` of it, ms; whoever asks meanwhile waits for the same look. */
export function seldom<T>(look: () => Promise<T>, keep: (found: T) => number): () => Promise<T> {
  let last: Promise<T> | undefined
  let until = 0
  return () => {
    if (last && performance.now() < until) return last
    until = Infinity
    last = look()
    void last.then(found => (until = performance.now() + keep(found)))
    return last
  }
}
