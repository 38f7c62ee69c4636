import { done, type Operations } from './operation.ts'

/** What there is, and how it is. */
export const infoOperations: Operations = {
  'GET /openapi.json': { id: 'describe', summary: 'This description.', answers: { 200: 'Object' } },
  'GET /object_info': {
    id: 'getNodes',
    summary: 'Every node: its inputs, its outputs, its help.',
    answers: { 200: 'ObjectInfo' },
  },
  'GET /object_info/{type}': {
    id: 'getNode',
    summary: 'One node; an empty object when there is none of that type.',
    path: { type: 'class_type' },
    answers: { 200: 'ObjectInfo' },
  },
  'GET /features': {
    id: 'getFeatures',
    summary: 'What this server can do beyond the oldest protocol.',
    answers: { 200: 'Object' },
  },
  'GET /system_stats': { id: 'getSystem', summary: 'Machine, memory, versions.', answers: { 200: 'SystemStats' } },
  'GET /extensions': { id: 'getExtensions', summary: "Scripts that ComfyUI's page loads.", answers: { 200: 'Strings' } },
  'GET /embeddings': { id: 'getEmbeddings', summary: 'None: Patronus has no text embeddings.', answers: { 200: 'Strings' } },
  'GET /i18n': { id: 'getTranslations', summary: 'Translations of node texts, by language.', answers: { 200: 'Object' } },
  'GET /global_subgraphs': { id: 'getSubgraphs', summary: 'Subgraphs that come with the server.', answers: { 200: 'Object' } },
  'GET /node_replacements': { id: 'getReplacements', summary: 'Nodes that stand in for others.', answers: { 200: 'Object' } },
  'GET /models': { id: 'getModelFolders', summary: 'Folders of models.', answers: { 200: 'Strings' } },
  'GET /models/{folder}': { id: 'getModels', summary: 'Files of one of them.', answers: { 200: 'Strings', 404: 'Problem' } },
  'GET /experiment/models': { id: 'getModelPaths', summary: 'Folders of models, in their newer form.', answers: { 200: 'List' } },
  'GET /view_metadata/{folder}': {
    id: 'getModelMetadata',
    summary: 'What a checkpoint says about itself.',
    query: { filename: { about: 'The checkpoint.', required: true } },
    answers: { 200: 'Object', 404: 'Problem' },
  },
  'POST /free': { id: 'free', summary: 'Gives memory back before the next job.', body: 'Free', answers: { 200: done } },
  'GET /experiment/models/{folder}': {
    id: 'getModelFiles',
    summary: 'Files of one folder with size and times.',
    answers: { 200: 'List', 404: 'Problem' },
  },
  'GET /internal/logs': { id: 'getLog', summary: 'The log as text.', answers: { 200: 'Anything' } },
  'GET /internal/logs/raw': { id: 'getLogEntries', summary: 'The log line by line.', answers: { 200: 'Object' } },
  'PATCH /internal/logs/subscribe': {
    id: 'followLog',
    summary: 'Sends new lines of the log to a socket, or no longer.',
    body: 'Object',
    answers: { 200: done, 400: 'Problem' },
  },
  'GET /internal/folder_paths': { id: 'getFolders', summary: 'Folders by kind; names only.', answers: { 200: 'Object' } },
  'GET /internal/files/{folder}': {
    id: 'getNewestFiles',
    summary: 'Files of input, output or temp, newest first.',
    answers: { 200: 'Strings', 400: 'Problem' },
  },
  'GET /workflow_templates': { id: 'listTemplates', summary: 'Templates by module.', answers: { 200: 'Object' } },
  'GET /workflow_templates/{module}/{file}': {
    id: 'getTemplate',
    summary: 'One template.',
    answers: { 200: 'Workflow', 404: 'Problem' },
  },
  'GET /templates/index.json': { id: 'getCollection', summary: "None of ComfyUI's own templates.", answers: { 200: 'List' } },
  'GET /metrics': { id: 'getMetrics', summary: 'Counters for Prometheus.', answers: { 200: ['text/plain'] } },
  'GET /healthz': { id: 'isAlive', summary: 'That the process answers.', answers: { 200: 'Object' } },
  'GET /readyz': {
    id: 'isReady',
    summary: 'Whether a graph could run now, and why not.',
    answers: { 200: 'Readiness', 503: 'Readiness' },
  },
}
