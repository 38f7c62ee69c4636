/** Which files of a folder are offered, by how their names end. What is in them is looked at when they are opened. */
export const isImage = (name: string): boolean => /\.(png|jpe?g|webp)$/i.test(name)
export const isCheckpoint = (name: string): boolean => name.endsWith('.safetensors')
export const isInception = (name: string): boolean => /\.onnx$/i.test(name)
