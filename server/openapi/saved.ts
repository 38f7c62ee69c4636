import { done, type Operations } from './operation.ts'

const name = 'Its path below workflows/, with / as %2F.'

/** Earlier versions of what people saved under workflows/ (`/userdata`). */
export const savedOperations: Operations = {
  'GET /patronus/saved': {
    id: 'listSaved',
    summary: "People's own workflows, and those that were deleted and can still be brought back.",
    answers: { 200: 'SavedWorkflows' },
  },
  'DELETE /patronus/saved/{name}': {
    id: 'forgetSaved',
    summary: 'Forgets a saved or deleted workflow with all its versions, at once and for good.',
    path: { name },
    answers: { 204: done, 404: 'Problem' },
  },
  'GET /patronus/saved/{name}/versions': {
    id: 'listVersions',
    summary: 'The versions of a saved workflow, newest first; of a deleted one as well.',
    path: { name },
    answers: { 200: 'Versions', 404: 'Problem' },
  },
  'GET /patronus/saved/{name}/versions/{number}': {
    id: 'getVersion',
    summary: 'One of them, byte by byte as it was saved.',
    path: { name },
    answers: { 200: ['application/json', 'application/octet-stream'], 400: 'Problem', 404: 'Problem' },
  },
  'POST /patronus/saved/{name}/versions/{number}/restore': {
    id: 'restoreVersion',
    summary: 'Makes it the newest version; the others stay. Brings a deleted workflow back.',
    path: { name },
    answers: { 200: 'Saved', 404: 'Problem' },
  },
}
