/**
 * Ctrl-C and SIGTERM as something a command can wait for: the first asks it to stop in good order, the second ends the
 * process at once, with `again` as its exit status (default 128 + the signal's number). `release` gives the signals back.
 */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void, again?: number): { release(): void } {
  const names = ['SIGINT', 'SIGTERM'] as const
  let asked = false
  const hear = (signal: NodeJS.Signals) => {
    if (asked) process.exit(again ?? (signal === 'SIGINT' ? 130 : 143))
    asked = true
    stop(signal)
  }
  for (const name of names) process.on(name, hear)
  return { release: () => names.forEach(name => process.off(name, hear)) }
}
