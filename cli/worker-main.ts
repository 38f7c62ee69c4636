import { loadPlugins } from '../server/plugins.ts'
import { runWorkerProcess } from '../server/worker-process.ts'
import { createSources } from './sources.ts'

/** What the server starts to run graphs in: its worker, told where data sets come from. Its arguments are plugins, which are loaded here, too. */
runWorkerProcess(createSources(), await loadPlugins(process.argv.slice(2)))
