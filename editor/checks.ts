/** The graph, looked at as the server will look at it: same functions, before it is asked. */
import { explain, problems, toPrompt, type ObjectInfo, type Prompt, type Workflow } from '../workflows/graph.ts'
import type { Problem } from './state.ts'

export type Check = { readonly prompt: Prompt; readonly problems: readonly Problem[] }

export function check(workflow: Workflow, info: ObjectInfo): Check {
  const { prompt, problems: untranslated } = toPrompt(workflow, info)
  const { error, nodeErrors } = problems(prompt, info)
  const found = [
    ...untranslated.map(({ node, class_type, message }) => ({ node, nodeType: class_type, message: sentence(message) })),
    ...Object.entries(nodeErrors).flatMap(([node, { class_type, errors }]) =>
      (untranslated.some(problem => problem.node === node) ? [] : errors).map(problem => ({
        node,
        nodeType: class_type,
        message: sentence(explain(problem)),
      })),
    ),
  ]
  const general = error && !found.length ? [{ message: NO_OUTPUT[error.type] ?? explain(error) }] : []
  return { prompt, problems: [...found, ...general].map(problem => ({ ...problem, severity: 'warning', from: 'check' })) }
}

const NO_OUTPUT: Readonly<Record<string, string>> = {
  prompt_no_outputs: 'Nothing in this graph shows or saves a result yet: add a Preview Image or Save Image node.',
}

const sentence = (text: string): string => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
