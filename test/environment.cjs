const { TestEnvironment } = require('jest-environment-node')

/**
 * Jest runs each test file in a vm context with its own Float32Array. Native modules (onnxruntime-node, sharp)
 * make arrays of the outer realm, so `instanceof` would fail in a way no user ever sees. Share the outer ones.
 */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup()
    for (const name of ['ArrayBuffer', 'SharedArrayBuffer', 'Float32Array', 'Float64Array', 'Uint8Array', 'Uint8ClampedArray',
      'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'BigInt64Array', 'BigUint64Array', 'DataView'])
      this.global[name] = globalThis[name]
  }
}
