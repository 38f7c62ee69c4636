// Heard before anything else is loaded, which takes a second: a server that dies meanwhile must not leave this process behind.
process.on('disconnect', () => process.exit(0))

const [{ loadPlugins }, { runWorkerProcess }, { createSources }] = await Promise.all([
  import('../server/plugins.ts'),
  import('../server/worker-process.ts'),
  import('./sources.ts'),
])

/** What the server starts to run graphs in: its worker, told where data sets come from. Its arguments are plugins, which are loaded here, too. */
runWorkerProcess(createSources(), await loadPlugins(process.argv.slice(2)))

export {}
