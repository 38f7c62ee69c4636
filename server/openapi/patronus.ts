import type { Operations } from './operation.ts'

const force = 'Anything but false takes names that were given to another checkpoint.'
const png = ['image/png']

/** What is ours alone: shipped workflows, checkpoints, names of prototypes. */
export const patronusOperations: Operations = {
  'GET /patronus/workflows': { id: 'listWorkflows', summary: 'The shipped workflows.', answers: { 200: 'ShippedWorkflows' } },
  'GET /patronus/workflows/{name}': {
    id: 'getWorkflow',
    summary: 'A shipped workflow, as an editor saves it.',
    answers: { 200: 'Workflow', 404: 'Problem' },
  },
  'GET /patronus/workflows/{name}/prompt': {
    id: 'getPrompt',
    summary: 'The same in the API format: ready to be changed and posted to /prompt.',
    answers: { 200: 'Prompt', 404: 'Problem' },
  },
  'GET /patronus/checkpoints': { id: 'listCheckpoints', summary: 'The checkpoints there are.', answers: { 200: 'Checkpoints' } },
  'GET /patronus/checkpoints/{name}': {
    id: 'getCheckpoint',
    summary: 'What one says about itself.',
    answers: { 200: 'CheckpointDetails', 404: 'Problem', 422: 'Problem' },
  },
  'GET /patronus/checkpoints/{name}/names': {
    id: 'getNames',
    summary: 'What people call its prototypes.',
    answers: { 200: 'Names', 404: 'Problem' },
  },
  'PUT /patronus/checkpoints/{name}/names': {
    id: 'replaceNames',
    summary: 'Makes these all the names there are. 409: they belong to another checkpoint.',
    query: { force },
    body: 'NamesChange',
    answers: { 200: 'Names', 400: 'Problem', 409: 'Problem' },
  },
  'PATCH /patronus/checkpoints/{name}/names': {
    id: 'changeNames',
    summary: 'Changes these names and keeps the others.',
    query: { force },
    body: 'NamesChange',
    answers: { 200: 'Names', 400: 'Problem', 409: 'Problem' },
  },
  'GET /patronus/checkpoints/{name}/suggestions': {
    id: 'suggestNames',
    summary:
      'Names that its data set suggests, with the evidence; may take a minute the first time. 422: its pictures cannot be had.',
    answers: { 200: 'Suggestions', 404: 'Problem', 422: 'Problem' },
  },
  'GET /patronus/checkpoints/{name}/atlas': {
    id: 'getAtlas',
    summary: 'Its prototypes, drawn: what there is.',
    answers: { 200: 'Atlas', 404: 'Problem' },
  },
  'GET /patronus/checkpoints/{name}/atlas/{index}': {
    id: 'getAtlasPicture',
    summary: 'Pictures formed with one prototype raised, side by side.',
    path: { index: 'Its number and .png.' },
    answers: { 200: png, 404: 'Problem' },
  },
  'GET /patronus/checkpoints/{name}/tiles/{index}': {
    id: 'getTile',
    summary: 'The patch that shows one prototype.',
    path: { index: 'Its number and .png.' },
    answers: { 200: png, 404: 'Problem' },
  },
  'GET /patronus/register.js': {
    id: 'getRegister',
    summary: 'The module with registerPatronus, for other litegraph pages (docs/litegraph.md).',
    answers: { 200: ['text/javascript'], 404: 'Problem' },
  },
  'GET /patronus/device': { id: 'getDevice', summary: 'Where networks run, and why.', answers: { 200: 'Device' } },
}
