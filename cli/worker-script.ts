import { fileURLToPath } from 'node:url'

/** The compiled worker-main.ts, which a server starts in a process of its own. */
export const workerScript = fileURLToPath(new URL('./worker-main.js', import.meta.url))
