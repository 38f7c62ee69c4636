import { z } from 'zod'
import { ids, submission } from '../routes/prompt.ts'

/**
 * The JSON that crosses the wire, by the names that the OpenAPI description gives it. What clients send is what the routes
 * themselves check; answers are open (fields may be added), as every ComfyUI client expects.
 */
const fault = z.object({
  type: z.string(),
  message: z.string(),
  details: z.string(),
  extra_info: z.record(z.string(), z.unknown()),
})
const Problem = z
  .object({
    error: fault,
    node_errors: z.record(
      z.string(),
      z.object({ errors: z.array(fault), dependent_outputs: z.array(z.string()), class_type: z.string() }),
    ),
  })
  .describe('What was wrong with a request, node by node when it was a graph.')

const Image = z
  .object({ filename: z.string(), subfolder: z.string(), type: z.enum(['output', 'temp', 'input']) })
  .describe('A picture that /view hands out.')
const Table = z.object({
  title: z.string(),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.union([z.string(), z.number(), z.null()]))),
})
const Ui = z
  .object({
    images: z.array(Image).optional(),
    text: z.array(z.string()).optional(),
    tables: z.array(Table).optional(),
    plots: z.array(z.object({ title: z.string() })).optional(),
  })
  .describe('What a node shows besides its outputs.')

const Prompt = z
  .record(
    z.string(),
    z.object({
      class_type: z.string(),
      inputs: z.record(z.string(), z.unknown()),
      _meta: z.object({ title: z.string().optional() }).optional(),
    }),
  )
  .describe("A graph in the API format: nodes by id; an input is a value, or a link as [id, slot] (ComfyUI's own form).")
const Workflow = z.object({ nodes: z.array(z.unknown()), links: z.array(z.unknown()) }).describe('A graph as an editor saves it.')

const JobItem = z
  .tuple([z.number(), z.string(), Prompt, z.record(z.string(), z.unknown()), z.array(z.string())])
  .rest(z.unknown())
  .describe('[number, prompt_id, prompt, extra_data, outputs to run]')
const Queue = z.object({ queue_running: z.array(JobItem), queue_pending: z.array(JobItem) })
const HistoryEntry = z.object({
  prompt: JobItem,
  outputs: z.record(z.string(), Ui),
  status: z.object({
    status_str: z.enum(['success', 'error']),
    completed: z.boolean(),
    messages: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])),
  }),
  meta: z.record(z.string(), z.unknown()),
})
const History = z.record(z.string(), HistoryEntry).describe('By prompt_id; empty when there is none of that id yet.')

const Job = z.object({
  id: z.string(),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
  priority: z.number(),
  create_time: z.number(),
  execution_start_time: z.number().optional(),
  execution_end_time: z.number().optional(),
  outputs_count: z.number(),
  preview_output: Image.optional(),
})
const Jobs = z.object({
  jobs: z.array(Job),
  pagination: z.object({ offset: z.number(), limit: z.number(), total: z.number(), has_more: z.boolean() }),
})
const JobDetails = Job.extend({
  outputs: z.record(z.string(), Ui),
  workflow: z.object({ prompt: Prompt, extra_data: z.record(z.string(), z.unknown()) }),
})

const inputType = z.union([z.string(), z.array(z.union([z.string(), z.number(), z.boolean()]))])
const Inputs = z.record(
  z.string(),
  z
    .union([z.tuple([inputType]), z.tuple([inputType, z.record(z.string(), z.unknown())])])
    .describe('[type or options, settings]'),
)
const Node = z.object({
  input: z.object({ required: Inputs.optional(), optional: Inputs.optional() }),
  input_order: z.object({ required: z.array(z.string()).optional(), optional: z.array(z.string()).optional() }).optional(),
  output: z.array(z.union([z.string(), z.array(z.string())])),
  output_is_list: z.array(z.boolean()),
  output_name: z.array(z.string()),
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  python_module: z.string().describe('custom_nodes.<plugin>'),
  category: z.string(),
  output_node: z.boolean(),
})
const ObjectInfo = z.record(z.string(), Node)

const SystemStats = z.object({
  system: z.object({ os: z.string(), ram_total: z.number(), ram_free: z.number(), comfyui_version: z.string() }),
  devices: z.array(
    z.object({ name: z.string(), type: z.string(), index: z.number(), vram_total: z.number(), vram_free: z.number() }),
  ),
})
const Readiness = z.object({ ready: z.boolean(), reasons: z.array(z.string()) })

const FileInfo = z.object({ path: z.string(), size: z.number(), modified: z.number(), created: z.number() })
const Entries = z.array(z.object({ name: z.string(), path: z.string(), type: z.enum(['file', 'directory']) }))
const SavedWorkflows = z.object({
  workflows: z.array(FileInfo),
  deleted: z.array(z.object({ path: z.string(), deleted: z.number().describe('When, ms since 1970.') })),
})
const Versions = z.array(
  z.object({
    number: z.number(),
    saved: z.number().describe('When, ms since 1970.'),
    size: z.number(),
    nodes: z.number().nullable().describe('Null where it is no graph.'),
    current: z.boolean(),
  }),
)
const UserFiles = z.array(z.union([z.string(), z.array(z.string()), FileInfo]))

const Checkpoint = z.object({
  name: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  dataset: z.string().optional(),
  prototypes: z.number().optional(),
  hasPrior: z.boolean().optional(),
  error: z.string().optional().describe('Why the file cannot be read.'),
})
const CheckpointInfo = z.object({
  name: z.string(),
  config: z.object({
    image: z.object({ height: z.number(), width: z.number(), channels: z.number() }),
    timesteps: z.number(),
    prototypes: z.object({ count: z.number() }),
  }),
})
const CheckpointDetails = z.object({
  name: z.string(),
  id: z.string().describe('SHA-256 of the file, hex.'),
  info: CheckpointInfo,
  hasAtlas: z.boolean(),
})
const Names = z.object({
  format: z.literal('patronus-names'),
  version: z.literal(1),
  checkpoint: z.string(),
  checkpointName: z.string(),
  names: z.record(z.string(), z.object({ name: z.string(), note: z.string().optional(), confidence: z.number().optional() })),
})
const NamesChange = z
  .object({ names: z.record(z.string(), z.unknown()) })
  .describe('A names file, or { names } alone; with PATCH, null forgets one.')
const Suggestions = z.object({
  checkpoint: z.string(),
  dataSet: z.string(),
  pictures: z.number(),
  suggestions: z.array(z.object({ prototype: z.number(), name: z.string(), auroc: z.number(), evidence: z.string() })),
})
const Atlas = z.object({
  format: z.literal('patronus-atlas'),
  checkpoint: z.string(),
  faces: z.number(),
  picture: z.object({ width: z.number(), height: z.number() }),
  entries: z.array(z.unknown()),
})
const Device = z.object({
  device: z.string(),
  report: z.string(),
  worker: z.enum(['starting', 'ready', 'restarting']),
  warm: z.object({ checkpoint: z.string(), state: z.enum(['loading', 'ready', 'failed']) }).optional(),
})

export const shapes = {
  Problem,
  Image,
  Ui,
  Prompt,
  Workflow,
  JobItem,
  Queue,
  HistoryEntry,
  History,
  Job,
  Jobs,
  JobDetails,
  Node,
  ObjectInfo,
  SystemStats,
  Readiness,
  Entries,
  UserFiles,
  SavedWorkflows,
  Versions,
  Checkpoint,
  CheckpointInfo,
  CheckpointDetails,
  Names,
  NamesChange,
  Suggestions,
  Atlas,
  Device,
  Submission: submission.describe('A graph to run.'),
  Submitted: z.object({ prompt_id: z.string(), number: z.number(), node_errors: Problem.shape.node_errors }),
  ClearOrDelete: ids,
  JobIds: z.object({ job_ids: z.array(z.string()) }),
  OneJob: z.object({ prompt_id: z.string().optional() }).describe('Without an id: whatever runs.'),
  Cancelled: z.object({ cancelled: z.boolean() }),
  Waiting: z.object({ exec_info: z.object({ queue_remaining: z.number() }) }),
  Refusal: z.object({ error: z.string() }).describe('What was wrong, in words.'),
  Free: z.object({ unload_models: z.boolean().optional(), free_memory: z.boolean().optional() }),
  Strings: z.array(z.string()),
  List: z.array(z.unknown()),
  Object: z.record(z.string(), z.unknown()),
  Anything: z.unknown(),
  Users: z.object({ storage: z.string(), migrated: z.boolean() }),
  Uploaded: z.object({ name: z.string(), subfolder: z.string(), type: z.string() }),
  Saved: z.union([z.string(), FileInfo]),
  ShippedWorkflows: z.array(z.object({ name: z.string(), title: z.string(), description: z.string() })),
  Checkpoints: z.array(Checkpoint),
} satisfies Record<string, z.ZodType>

export type Shape = keyof typeof shapes

/** The same as JSON Schema 2020-12, each under its name and referring to the others by theirs. */
export function schemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>()
  for (const [id, shape] of Object.entries(shapes)) registry.add(shape, { id })
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: id => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]))
}
