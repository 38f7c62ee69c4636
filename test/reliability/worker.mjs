// The real worker; on SIGUSR2 it collects its garbage and writes down what it holds, into the file that the environment names.
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { engine } from '@tensorflow/tfjs-core'
import { createSources } from '../../dist/cli/sources.js'
import { runWorkerProcess } from '../../dist/server/worker-process.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
process.on('SIGUSR2', async () => {
  const file = process.env.RELIABILITY_LEDGER
  for (let i = 0; i < 3; i++) {
    gc()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const facts = {
    heap: process.memoryUsage().heapUsed,
    external: process.memoryUsage().external,
    rss: process.memoryUsage().rss,
    tensors: engine().memory().numTensors,
    resources: process.getActiveResourcesInfo().filter(name => !['Immediate', 'Timeout'].includes(name)),
    fds: fdsOf(),
  }
  writeFileSync(`${file}.part`, JSON.stringify(facts))
  renameSync(`${file}.part`, file)
})
const fdsOf = () => {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}
runWorkerProcess(createSources())
