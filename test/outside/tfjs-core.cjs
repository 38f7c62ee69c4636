module.exports = globalThis.outside('@tensorflow/tfjs-core')
