import { gzipSync } from 'node:zlib'
import { each, isWell, percentile, request, round, withServer } from '../house.mjs'

const nest = (depth, [open, close] = ['[', ']'], end = '') => open.repeat(depth) + end + close.repeat(depth)
const inPrompt = text => `{"prompt":${text}}`

/** Bodies made to break a parser or what comes after it. */
function hostile() {
  const depths = [65, 66, 100, 1000, 10_000, 100_000, 1_000_000]
  const polluting = ['__proto__', 'constructor', 'prototype', '\\u005f_proto__', '__pro\\u0074o__'].flatMap(key => [
    `{"${key}":{"polluted":true}}`,
    inPrompt(`{"${key}":{"class_type":"Show","inputs":{}}}`),
    inPrompt(`{"1":{"class_type":"Show","inputs":{"${key}":{"polluted":1}}}}`),
    inPrompt(`{"1":{"class_type":"${key}","inputs":{}}}`),
    `{"prompt":{"1":{"class_type":"Nope","inputs":{}}},"extra_data":{"${key}":{"polluted":1}}}`,
    inPrompt(`{"1":{"${key}":{"class_type":"Show"}}}`),
  ])
  const scalars = [
    'NaN',
    'Infinity',
    '-Infinity',
    '1e999',
    '-0',
    '0x10',
    '01',
    '+1',
    '.5',
    '1e',
    'undefined',
    'True',
    "'a'",
    '',
    ' ',
    '\0',
    '﻿{}',
  ]
  return [
    ...depths.flatMap(depth => [
      nest(depth),
      nest(depth, ['{"a":', '}'], '1'),
      inPrompt(nest(depth)),
      inPrompt(nest(depth, ['{"a":', '}'], '1')),
      inPrompt(`{"1":{"class_type":"Show","inputs":{"value":${nest(depth)}}}}`),
      '['.repeat(depth),
      ']'.repeat(depth),
      `{"prompt":"${'['.repeat(Math.min(depth, 5000))}`,
    ]),
    ...polluting,
    ...scalars,
    ...scalars.map(inPrompt),
    ...scalars.map(text => inPrompt(`{"1":{"class_type":"Show","inputs":{"value":${text || '""'},}}}`)),
    `{"prompt":${'1'.repeat(2_000_000)}}`,
    'x'.repeat(9 << 20),
    inPrompt(`"${'x'.repeat(9 << 20)}"`),
    inPrompt(`{"1":{"class_type":"${'x'.repeat(1_000_000)}","inputs":{}}}`),
    inPrompt(`{"${'x'.repeat(1_000_000)}":{"class_type":"Show","inputs":{}}}`),
    inPrompt(`{${Array.from({ length: 200_000 }, (_, i) => `"${i}":{}`).join()}}`),
    inPrompt(`{"1":{"class_type":"Show","inputs":{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":1`).join()}}}}`),
    inPrompt(`[${'0,'.repeat(1_000_000)}0]`),
    '{"prompt":{},"prompt":[],"prompt":1}',
    '{"prompt":{"1":{"class_type":"Show","class_type":"Nope","inputs":{}}}}',
    ...[
      [0xff, 0xfe],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
      [0xe2, 0x82],
    ].flatMap(bad => [Buffer.from(bad), Buffer.concat([Buffer.from('{"prompt":"'), Buffer.from(bad), Buffer.from('"}')])]),
    inPrompt('"\\ud800"'),
    inPrompt('{"\\ud800":{"class_type":"\\udfff","inputs":{}}}'),
    ...[
      '<?xml version="1.0"?>',
      'a=b&prompt={}',
      '--x\r\n',
      '{"prompt":{}}trailing',
      '[{"prompt":{}}]',
      '{"prompt"',
      '{"prompt":}',
      '{,}',
      '/*c*/{}',
    ],
    ...['number', 'front', 'client_id', 'prompt_id', 'extra_data', 'partial_execution_targets'].flatMap(key =>
      ['[]', '{}', '"x"', '1e308', 'null', 'true'].map(
        junk => `{"prompt":{"1":{"class_type":"Nope","inputs":{}}},"${key}":${junk}}`,
      ),
    ),
  ]
}

export default {
  number: 2,
  name: 'raw hostile bodies',
  wanted: '200 bodies: each 4xx in < 1 s, no prototype changed',
  async run({ quick, slack }) {
    return withServer({}, async server => {
      const bodies = hostile()
      const wrong = []
      const times = []
      const post = async (url, body, headers, good) => {
        const { status, ms, error } = await request(server, 'POST', url, { body, headers })
        times.push(ms)
        if (!good(status) || ms > 1000 * slack)
          wrong.push(`${url} ${JSON.stringify(String(body).slice(0, 40))}: ${status || error} in ${Math.round(ms)} ms`)
      }
      const refused = status => status >= 400 && status < 500
      // The server reads the whole of what it refuses; one at a time, as the time of each is what is asked for.
      await each(bodies, 1, body => post('/prompt', body, {}, refused))
      const zipped = gzipSync(Buffer.alloc(50 << 20))
      await post('/prompt', zipped, { 'Content-Encoding': 'gzip' }, refused)
      // Elsewhere some of them mean something; none may be a failure of the server.
      for (const url of ['/queue', '/history', '/interrupt', '/free', '/settings', '/jobs/cancel', '/api/prompt'])
        await each(
          bodies.filter((_, i) => i % (quick ? 40 : 8) === 0),
          1,
          body => post(url, body, {}, status => status > 0 && status < 500),
        )
      const trouble = await isWell(server)
      return {
        ok: wrong.length === 0 && !trouble && bodies.length >= 200,
        figure:
          trouble ??
          (wrong.length
            ? wrong.slice(0, 5).join('; ')
            : `${bodies.length} bodies, slowest answer ${round(Math.max(...times))} ms, p99 ${round(percentile(times, 99))} ms`),
        bodies: bodies.length,
      }
    })
  },
}
