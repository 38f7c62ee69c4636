/** Loads the tfjs backend that an eager device names; the packages are optional peers. */
import type { EagerDevice } from './device.ts'

/** The backend's name in tfjs. Throws when its package is not installed. */
export async function useBackend(device: EagerDevice): Promise<string> {
  if (device === 'tfjs-cpu') return 'cpu'
  const name = `@tensorflow/${device}`
  try {
    await import(name)
    return 'tensorflow'
  } catch (cause) {
    throw new Error(
      `${name} is not installed, or cannot be loaded by this Node; run \`npm install ${name} --ignore-scripts=false\`, or use another device`,
      { cause },
    )
  }
}
