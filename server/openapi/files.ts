import { done, type Operations } from './operation.ts'

const overwrite = 'false refuses with 409 when the file is there already.'
const full = 'true gives size and times as well.'

/** Pictures in and out, and what a page keeps on the server. */
export const fileOperations: Operations = {
  'GET /view': {
    id: 'getPicture',
    summary: 'A file of the output, input or temp folder.',
    query: {
      filename: { about: 'As a node or an upload names it.', required: true },
      subfolder: 'The folder below that one.',
      type: { about: 'output unless said.', values: ['output', 'input', 'temp'] },
      preview: 'Converted: webp or jpeg, with a quality, such as webp;90.',
      channel: { about: 'Colours without opacity, or the opacity alone.', values: ['rgb', 'a'] },
    },
    answers: { 200: ['image/png', 'image/jpeg', 'image/webp', 'application/octet-stream'], 404: 'Problem' },
  },
  'POST /upload/image': {
    id: 'upload',
    summary: 'Puts a picture where Load Image finds it; gives the name it got.',
    body: { file: 'image', fields: ['subfolder', 'type', 'overwrite'] },
    answers: { 200: 'Uploaded', 400: 'Problem', 413: 'Problem' },
  },
  'POST /upload/mask': {
    id: 'uploadMask',
    summary: 'Puts the opacity of a picture into another.',
    body: { file: 'image', fields: ['original_ref', 'subfolder', 'type', 'overwrite'] },
    answers: { 200: 'Uploaded', 400: 'Problem', 404: 'Problem' },
  },
  'GET /users': { id: 'getUsers', summary: 'That this server has one user.', answers: { 200: 'Users' } },
  'POST /users': { id: 'addUser', summary: 'Always refused: this server has one user.', answers: { 400: 'Problem' } },
  'GET /userdata': {
    id: 'listUserFiles',
    summary: "Files that pages keep on the server, such as people's own workflows.",
    query: {
      dir: { about: 'The folder.', required: true },
      recurse: 'true looks below it, too.',
      full_info: full,
      split: 'true gives paths in parts.',
    },
    answers: { 200: 'UserFiles', 400: 'Problem' },
  },
  'GET /v2/userdata': {
    id: 'listUserFolder',
    summary: 'Files and folders of one folder.',
    query: { path: 'The folder; all of it unless said.' },
    answers: { 200: 'Entries' },
  },
  'GET /userdata/{file}': {
    id: 'getUserFile',
    summary: 'A kept file.',
    path: { file: 'Its path, with / as %2F.' },
    answers: { 200: ['application/json', 'application/octet-stream'], 404: 'Problem' },
  },
  'POST /userdata/{file}': {
    id: 'saveUserFile',
    summary: 'Keeps a file, whole or not at all.',
    path: { file: 'Its path, with / as %2F.' },
    query: { overwrite, full_info: full },
    body: 'bytes',
    answers: { 200: 'Saved', 409: 'Problem' },
  },
  'DELETE /userdata/{file}': {
    id: 'deleteUserFile',
    summary: 'Forgets a kept file.',
    path: { file: 'Its path, with / as %2F.' },
    answers: { 204: done, 404: 'Problem' },
  },
  'POST /userdata/{file}/move/{dest}': {
    id: 'moveUserFile',
    summary: 'Renames a kept file.',
    path: { file: 'Its path, with / as %2F.', dest: 'Its new path.' },
    query: { overwrite, full_info: full },
    answers: { 200: 'Saved', 404: 'Problem', 409: 'Problem' },
  },
  'GET /settings': { id: 'getSettings', summary: 'All settings of pages.', answers: { 200: 'Object' } },
  'POST /settings': { id: 'changeSettings', summary: 'Changes those that are given.', body: 'Object', answers: { 200: done } },
  'GET /settings/{id}': { id: 'getSetting', summary: 'One setting; null when there is none.', answers: { 200: 'Anything' } },
  'POST /settings/{id}': { id: 'changeSetting', summary: 'Changes one setting.', body: 'Anything', answers: { 200: done } },
}
