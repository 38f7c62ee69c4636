import * as tf from '@tensorflow/tfjs-core'

/** Tensors that tfjs holds in this process. Between two runs of a network it is the same number each time, or somebody forgets them. */
export const liveTensors = (): number => tf.engine().state.numTensors
