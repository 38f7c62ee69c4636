/** Sending the graph to be run, and what becomes of a refusal. */
import * as api from './api.ts'
import type { App } from './app.ts'
import type { AutoRun } from './auto-run.ts'
import type { Check } from './checks.ts'
import { newRunId } from './run-id.ts'
import { answered, refused, sent, type Live } from './state.ts'

export async function run(app: App, look: () => Check, autoRun: AutoRun): Promise<void> {
  const workflow = app.view.save()
  const { prompt, problems } = look()
  if (problems.length && !Object.keys(prompt).length) return refuse(app, problems)
  const id = newRunId()
  autoRun.sent(JSON.stringify(prompt))
  app.live(live => sent(live, id, JSON.stringify(workflow), Date.now()))
  const answer = await api.submit(prompt, workflow, app.store.get().live.clientId, id).catch((error: unknown) => {
    app.live(live => answered(live, id, undefined))
    throw error
  })
  app.live(live => answered(live, id, answer.id))
  // The page's own look says the same in words that tell what to do.
  const told = answer.problems.map(problem => problems.find(({ node }) => node !== undefined && node === problem.node) ?? problem)
  if (answer.id === undefined) return refuse(app, told)
  app.live(live => refusedParts(live, told))
  if (app.view.afterRun()) app.tracker.absorb()
}

/** Some outputs run while others were refused: the server says so in the same answer. */
const refusedParts = (live: Live, problems: Parameters<typeof refused>[1]): Live =>
  problems.length
    ? refused(
        live,
        problems.map(problem => ({ ...problem, severity: 'error', from: 'refusal' })),
      )
    : live

function refuse(app: App, found: Parameters<typeof refused>[1]): void {
  const problems = found.map(problem => ({ ...problem, severity: 'error' as const, from: 'refusal' as const }))
  app.live(live => refused(live, problems))
  const [first] = problems
  if (first?.node !== undefined && problems.length === 1) app.view.focus(first.node)
  app.say(first?.message ?? 'The server refused the graph.', 'bad', {
    label: 'Show',
    run: () => app.show({ tab: 'problems', panelOpen: true }),
  })
  app.view.redraw()
}
