import { defineNode } from './node.ts'

export default defineNode({
  type: 'PatronusLoadCheckpoint',
  title: 'Load Checkpoint',
  category: 'patronus/loaders',
  help: 'Loads a trained Patronus model: patch encoder, prototypes, denoiser and, where there is one, the prior over s.',
  aliases: ['model', 'open', 'weights', 'safetensors'],
  inputs: {
    checkpoint: { type: 'COMBO', options: [], files: 'checkpoints', help: 'A .safetensors file in the checkpoints folder.' },
  },
  outputs: { model: { type: 'PATRONUS', help: 'The loaded model.' } },
  fingerprint: async ({ checkpoint }, files) => (checkpoint ? files.hash('checkpoints', checkpoint) : ''),
  run: async ({ checkpoint }, context) => ({ model: await context.checkpoint(checkpoint) }),
})
