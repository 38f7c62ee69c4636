/**
 * Where long analyses keep finished parts, so that a cancelled or killed one goes on. Keys are names such as
 * `atlas-1f0c/part-003`; whoever makes a key puts all into it that decides the bytes.
 */
export type Artefacts = {
  /** The bytes, or undefined when there are none. */
  read(key: string): Promise<Uint8Array | undefined>
  /** Whole or not at all. */
  write(key: string, bytes: Uint8Array): Promise<void>
}
