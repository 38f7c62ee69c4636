import { pino, type DestinationStream, type Logger } from 'pino'
import { secretNames } from './secrets.ts'

/** pino looks at written paths only, so every depth that a line of ours may have is one. */
const depths = ['', '*.', '*.*.', '*.*.*.']

/** The log: JSON, a line each, on stderr. What people typed is always a field of its own, so no text can pass for a line. */
export const createLog = (level: string, destination: DestinationStream = pino.destination(2)): Logger =>
  pino(
    { level, redact: { paths: depths.flatMap(depth => secretNames.map(name => depth + name)), censor: '(not logged)' } },
    destination,
  )
