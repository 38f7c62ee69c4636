import { fileOperations } from './files.ts'
import { infoOperations } from './info.ts'
import type { Operation, Operations } from './operation.ts'
import { patronusOperations } from './patronus.ts'
import { runOperations } from './run.ts'
import { savedOperations } from './saved.ts'
import { schemas } from './shapes.ts'

const groups: Readonly<Record<string, Operations>> = {
  Graphs: runOperations,
  Files: fileOperations,
  Server: infoOperations,
  Patronus: patronusOperations,
  'Saved workflows': savedOperations,
}
/** Every described operation, by `METHOD /path/{name}`. */
export const operations: Operations = Object.assign({}, ...Object.values(groups)) as Operations

const about = `Patronus Nodes speaks ComfyUI's protocol and adds a few routes of its own. Every route answers under /api as well.
The guard comes first: requests from pages of other origins, and for host names the server does not know, are refused with 403; where the server has a token, everything wants it (401).`

/** The OpenAPI 3.1 description of this server. */
export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [tag, group] of Object.entries(groups))
    for (const [route, operation] of Object.entries(group)) {
      const [method, path] = route.split(' ')
      ;(paths[path] ??= {})[method.toLowerCase()] = describe(operation, path, tag)
    }
  return {
    openapi: '3.1.0',
    info: { title: 'Patronus Nodes', version, description: about, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }, { url: '/api' }],
    tags: Object.keys(groups).map(name => ({ name })),
    security: [{}, { token: [] }],
    paths,
    components: {
      schemas: schemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The --token of the server, if it has one.' } },
      responses: { Refused: { description: 'Why the request was refused.', content: { 'text/plain': {}, ...json('Problem') } } },
    },
  }
}

const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } })
const text = { type: 'string' }

function describe({ id, summary, path: said = {}, query = {}, body, answers }: Operation, path: string, tag: string) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
    ...(said[name] && { description: said[name] }),
  }))
  const inQuery = Object.entries(query).map(([name, given]) => {
    const { about, required, values } = typeof given === 'string' ? { about: given } : given
    return {
      name,
      in: 'query',
      description: about,
      ...(required && { required }),
      schema: values ? { ...text, enum: values } : text,
    }
  })
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(body !== undefined && { requestBody: { content: contentOf(body) } }),
    responses: { ...mapped(answers), '4XX': { $ref: '#/components/responses/Refused' } },
  }
}

function contentOf(body: NonNullable<Operation['body']>) {
  if (body === 'bytes') return { 'application/octet-stream': {} }
  if (typeof body === 'string') return json(body)
  const fields = Object.fromEntries(body.fields.map(name => [name, text]))
  const properties = { [body.file]: { type: 'string', contentMediaType: 'application/octet-stream' }, ...fields }
  return { 'multipart/form-data': { schema: { type: 'object', properties, required: [body.file] } } }
}

const mapped = (answers: Operation['answers']) =>
  Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => {
      if (typeof answer === 'string') return [status, { description: answer, content: json(answer) }]
      if ('nothing' in answer) return [status, { description: answer.nothing }]
      return [status, { description: 'The file.', content: Object.fromEntries(answer.map(type => [type, {}])) }]
    }),
  )
