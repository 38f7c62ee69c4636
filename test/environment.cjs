const { TestEnvironment } = require('jest-environment-node')

/** tfjs keeps its engine in the process; each test file gets its own, as it would in a process of its own. */
function forgetTfjs() {
  for (const path of Object.keys(require.cache)) if (path.includes('/@tensorflow/')) delete require.cache[path]
  delete globalThis._tfengine
  delete globalThis._tfGlobals
}

/**
 * Jest runs each test file in a vm context with its own Float32Array. Native modules (onnxruntime-node, sharp)
 * make arrays of the outer realm, so `instanceof` would fail in a way no user ever sees. Share the outer ones.
 * tfjs is loaded outside the context (`test/outside/`): inside, every look at a global makes its loops eight times slower.
 */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup()
    for (const name of [
      'ArrayBuffer',
      'SharedArrayBuffer',
      'Float32Array',
      'Float64Array',
      'Uint8Array',
      'Uint8ClampedArray',
      'Int8Array',
      'Uint16Array',
      'Int16Array',
      'Uint32Array',
      'Int32Array',
      'BigInt64Array',
      'BigUint64Array',
      'DataView',
    ])
      this.global[name] = globalThis[name]
    forgetTfjs()
    this.global.outside = require
  }
}
