/** What is wrong, in words; a click goes to the node. */
import type { App } from '../app.ts'
import type { Problem } from '../state.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'

export function ProblemPanel({ app }: { app: App }) {
  const all = usePart(app, state => state.live.problems)
  // A node that failed or was refused need not be warned about as well.
  const problems = all.filter(
    ({ node, severity }) => severity === 'error' || !all.some(other => other.severity === 'error' && other.node === node),
  )
  const nodes = usePart(app, state => state.graph.nodes)
  if (!problems.length)
    return (
      <div class="empty">
        <Icon name="check" size={28} />
        <p>Nothing is wrong</p>
        <p class="faint">Missing links and errors of a run are listed here, each with the node it belongs to.</p>
      </div>
    )
  return (
    <ul class="panel-body problem-list">
      {problems.map((problem, i) => (
        <Row
          key={i}
          app={app}
          problem={problem}
          title={nodes.find(node => node.id === problem.node)?.title ?? problem.nodeType}
        />
      ))}
    </ul>
  )
}

function Row({
  app,
  problem: { node, message, details, severity },
  title,
}: {
  app: App
  problem: Problem
  title: string | undefined
}) {
  return (
    <li class={`problem ${severity}`}>
      <button disabled={node === undefined} onClick={() => node !== undefined && app.view.focus(node)}>
        <Icon name="warn" />
        <span>
          {title && <b>{title}</b>}
          <span>{message}</span>
        </span>
      </button>
      {details && (
        <details>
          <summary>Details</summary>
          <pre>{details}</pre>
        </details>
      )}
    </li>
  )
}
