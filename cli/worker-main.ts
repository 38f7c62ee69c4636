import { runWorkerProcess } from '../server/worker-process.ts'
import { createSources } from './sources.ts'

/** What the server starts to run graphs in: its worker, told where data sets come from. */
runWorkerProcess(createSources())
