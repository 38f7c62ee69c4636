/** The selected node as a form, with help for every port. It is also how the graph is edited without seeing the canvas. */
import type { App } from '../app.ts'
import { AFTER_RUN_PORT } from '../canvas/widgets.ts'
import { typeColour } from '../canvas/theme.ts'
import { AFTER_RUN, type Definition, type Field, type Port } from '../ports.ts'
import { selectedNode, type GraphNode, type State } from '../shell.ts'
import { FieldRow } from './field.tsx'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'

export function NodePanel({ app }: { app: App }) {
  const node = usePart(app, selectedNode)
  const definitions = usePart(app, state => state.definitions)
  const graph = usePart(app, state => state.graph)
  if (!node) return <Outline app={app} nodes={graph.nodes} />
  const definition = definitions.get(node.type)
  const nameOf = (id: string) => graph.nodes.find(other => other.id === id)?.title ?? `node ${id}`
  return (
    <div class="panel-body" key={node.id}>
      <button class="button quiet back" onClick={() => app.view.select([])}>
        <Icon name="left" size={14} /> All nodes
      </button>
      <input
        class="input title-input"
        aria-label="Title"
        value={node.title}
        onChange={event => app.edit(() => app.view.setTitle(node.id, event.currentTarget.value))}
      />
      {definition ? <Form app={app} node={node} definition={definition} nameOf={nameOf} /> : <Unknown node={node} />}
    </div>
  )
}

type FormProps = { app: App; node: GraphNode; definition: Definition; nameOf: (id: string) => string }

function Form({ app, node, definition, nameOf }: FormProps) {
  const trouble = usePart(
    app,
    ({ live }: State) => live.nodes[node.id]?.error ?? live.problems.find(problem => problem.node === node.id)?.message,
  )
  const fields = definition.inputs.filter((port): port is Port & { field: Field } => !!port.field)
  const sockets = definition.inputs.filter(port => !port.field)
  return (
    <>
      {definition.help && <p class="node-help">{definition.help}</p>}
      {trouble && <p class="trouble">{trouble}</p>}
      {fields.length > 0 && (
        <section>
          {fields.map(port => (
            <>
              <FieldRow
                key={port.name}
                app={app}
                node={node.id}
                port={port}
                field={port.field}
                value={node.values[port.name] ?? port.field.default}
                linkedFrom={node.links[port.name] && nameOf(node.links[port.name].node)}
              />
              {port.field.kind === 'number' && port.field.seed && (
                <FieldRow
                  app={app}
                  node={node.id}
                  port={AFTER_RUN_PORT}
                  field={AFTER_RUN_PORT.field as Field}
                  value={node.values[AFTER_RUN] ?? 'fixed'}
                />
              )}
            </>
          ))}
        </section>
      )}
      {sockets.length > 0 && (
        <section>
          <h3>Inputs</h3>
          {sockets.map(({ name, label, type, help, optional }) => (
            <PortHelp
              key={name}
              label={label}
              type={type}
              help={help}
              note={node.links[name] ? `from ${nameOf(node.links[name].node)}` : optional ? 'optional' : 'not linked'}
            />
          ))}
        </section>
      )}
      {definition.outputs.length > 0 && (
        <section>
          <h3>Outputs</h3>
          {definition.outputs.map(({ name, type, help }) => (
            <PortHelp key={name} label={name} type={type} help={help} />
          ))}
        </section>
      )}
    </>
  )
}

const PortHelp = ({ label, type, help, note }: { label: string; type: string; help: string; note?: string }) => (
  <div class="port-help">
    <div class="row">
      <i class="type-dot" style={{ '--type': typeColour(type) }} />
      <span>{label}</span>
      <span class="faint mono">{type}</span>
      {note && <span class="faint end">{note}</span>}
    </div>
    {help && <p class="help">{help}</p>}
  </div>
)

const Unknown = ({ node }: { node: GraphNode }) => (
  <p class="trouble">
    This server has no node of type “{node.type}”. The node is kept as it came, so that saving loses nothing, but it cannot run
    here.
  </p>
)

/** The graph as a list: every node can be reached by Tab and opened by Enter. */
function Outline({ app, nodes }: { app: App; nodes: readonly GraphNode[] }) {
  if (!nodes.length)
    return (
      <div class="empty">
        <Icon name="graph" size={28} />
        <p>The graph is empty.</p>
        <p class="faint">Double-click the canvas or press Space to add a node, or open a workflow.</p>
        <button class="button" onClick={() => app.show({ dialog: 'workflows' })}>
          Browse workflows
        </button>
      </div>
    )
  return (
    <div class="panel-body">
      <p class="faint hint">Select a node on the canvas, or here.</p>
      <ul class="outline" aria-label="Nodes of this graph">
        {nodes.map(node => (
          <li key={node.id}>
            <button class="outline-row" onClick={() => app.view.focus(node.id)}>
              <span>{node.title}</span>
              <span class="faint mono">#{node.id}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
