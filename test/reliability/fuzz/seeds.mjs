/** Small honest and dishonest inputs for each target: what a fuzzer begins from. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { evilFiles, tensor, tensors, torch, zip } from '../weight-files.mjs'

const house = fileURLToPath(new URL('../../..', import.meta.url))
const u32 = value => Buffer.from(Uint32Array.of(value).buffer)
const text = word => Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(word)), Buffer.from(word)])
const bytes = (...parts) => Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))

/** A state_dict of one 2 × 2 tensor, as torch.save pickles it. */
const storage = bytes('(', text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K\x04tQ')
const view = bytes(
  'ctorch._utils\n_rebuild_tensor_v2\n(',
  storage,
  'K\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtR',
)
const stateDict = bytes('\x80\x02}q\x00(', text('a'), view, 'u.')
const trainingState = bytes(
  '\x80\x02}(',
  text('epoch'),
  'K\x05',
  text('model'),
  '}',
  text('a'),
  view,
  's',
  text('lr'),
  'G?PbM\xd2\xf1\xa9\xfcu.',
)
const protocol4 = bytes(
  '\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94]\x94(K\x01M\x01\x01J\x01\0\0\0\x88\x89NeX\x01\0\0\0b\x8f(K\x01\x90u.',
)

const chunk = (type, data) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return bytes(length, type, data, '\0\0\0\0')
}
const picture = (...chunks) =>
  bytes('\x89PNG\r\n\x1a\n', chunk('IHDR', bytes('\0\0\0\x01\0\0\0\x01\x08\0\0\0\0')), ...chunks, chunk('IEND', Buffer.alloc(0)))

const workflows = readdirSync(`${house}/workflows`)
  .filter(name => name.endsWith('.json'))
  .map(name => readFileSync(`${house}/workflows/${name}`))
const prompt = Buffer.from(
  JSON.stringify({
    1: { class_type: 'PatronusLoadCheckpoint', inputs: { checkpoint: 'a.safetensors' } },
    2: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    3: { class_type: 'PatronusEncode', inputs: { model: ['1', 0], images: ['2', 0] } },
    4: { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'a' }, _meta: { title: 'T' } },
  }),
)
/** What a shipped checkpoint says of itself, without what makes it long. */
function shortInfo() {
  const file = readFileSync(`${house}/checkpoints/fmnist32.safetensors`)
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString())
  const info = JSON.parse(header.__metadata__.patronus)
  return { ...info, ...(info.ranges && { ranges: info.ranges.slice(0, 1) }), provenance: {} }
}
const headers = [
  tensors({ __metadata__: { format: 'patronus-nodes/1', patronus: JSON.stringify(shortInfo()) }, a: tensor([2, 2], 0, 16) }),
  tensors({ __metadata__: { format: 'pt' }, a: tensor([2], 0, 8), b: tensor([4], 8, 16, 'F16') }),
]
const small = Object.values(evilFiles('true')).filter(file => file.length < 2000)
const isZip = file => file.toString('latin1', 0, 2) === 'PK'

export const seeds = {
  safetensors: [...headers, ...small.filter(file => !isZip(file))],
  torch: [
    ...[stateDict, trainingState].map(pickle => torch(pickle.toString('latin1'))),
    zip([
      { name: 'x/data.pkl', data: stateDict },
      { name: 'x/byteorder', data: Buffer.from('little') },
      { name: 'x/data/0', data: Buffer.alloc(16) },
    ]),
    ...small.filter(isZip),
  ],
  pickle: [stateDict, trainingState, protocol4],
  png: [
    picture(),
    picture(chunk('tEXt', bytes('prompt\0', prompt)), chunk('tEXt', bytes('workflow\0', workflows[0]))),
    picture(chunk('iTXt', bytes('prompt\0\0\0\0\0', prompt)), chunk('zTXt', bytes('x\0\0'))),
    picture(chunk('tEXt', bytes('prompt\0{"1":{"class_type":"Show","inputs":{"a":NaN}}}'))),
  ],
  graph: [prompt, ...workflows],
}
