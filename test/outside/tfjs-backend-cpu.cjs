module.exports = globalThis.outside('@tensorflow/tfjs-backend-cpu')
