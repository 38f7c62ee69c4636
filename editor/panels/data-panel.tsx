/** Plots, tables and text that nodes gave: of the selected node, else of every node that gave some. */
import type { Table, Ui } from '../../nodes/node.ts'
import type { App } from '../app.ts'
import { toCsv } from '../csv.ts'
import { download } from '../files.ts'
import type { State } from '../shell.ts'
import { usePart } from './hooks.ts'
import { Icon } from './icons.tsx'
import { PlotView } from './plot.tsx'

const hasData = (output: Ui | undefined): boolean => !!(output?.plots?.length || output?.tables?.length || output?.text?.length)

/** Ids of the nodes to show, as one word, so that it compares. */
const shownNodes = ({ graph, live }: State): string => {
  const withData = graph.nodes.map(node => node.id).filter(id => hasData(live.nodes[id]?.output))
  const selected = withData.filter(id => graph.selection.includes(id))
  return (selected.length ? selected : withData).join(' ')
}

export function DataPanel({ app }: { app: App }) {
  const ids = usePart(app, shownNodes)
  if (!ids)
    return (
      <div class="empty">
        <Icon name="table" size={28} />
        <p>No plots or tables yet</p>
        <p class="faint">Nodes such as Trace Emergence show their curves and numbers here after a run.</p>
      </div>
    )
  return (
    <div class="panel-body">
      {ids.split(' ').map(id => (
        <NodeData key={id} app={app} id={id} />
      ))}
    </div>
  )
}

function NodeData({ app, id }: { app: App; id: string }) {
  const output = usePart(app, state => state.live.nodes[id]?.output)
  const theme = usePart(app, state => state.theme)
  const title = usePart(app, state => state.graph.nodes.find(node => node.id === id)?.title)
  if (!output) return null
  return (
    <section class="node-data">
      <h3>
        <button class="link" onClick={() => app.view.focus(id)}>
          {title}
        </button>
      </h3>
      {!output.plots?.length && !output.tables?.length && output.text?.map((text, i) => <TextOutput key={i} text={text} />)}
      {output.plots?.map((plot, i) => (
        <PlotView key={`${i} ${theme}`} plot={plot} />
      ))}
      {output.tables?.map((table, i) => (
        <TableView key={i} table={table} />
      ))}
    </section>
  )
}

/** What other clients get in place of plots and tables; shown where there are none. Aligned text keeps its columns. */
const TextOutput = ({ text }: { text: string }) =>
  text.includes('  ') ? <pre class="text-output mono">{text}</pre> : <p class="text-output">{text}</p>

const LONGEST = 200

function TableView({ table: { title, columns, rows }, table }: { table: Table }) {
  return (
    <figure class="table">
      <figcaption class="row">
        <span>{title}</span>
        <span class="grow" />
        <button class="button quiet" onClick={() => download(`${title}.csv`, toCsv(table))}>
          <Icon name="save" size={15} /> CSV
        </button>
      </figcaption>
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              {columns.map((column, j) => (
                <th key={column} class={typeof rows[0]?.[j] === 'number' ? 'end' : ''}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, LONGEST).map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) => (
                  <td key={j} class={typeof cell === 'number' ? 'mono' : ''}>
                    {shown(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > LONGEST && (
        <p class="faint small">
          First {LONGEST} of {rows.length} rows; the CSV has all.
        </p>
      )}
    </figure>
  )
}

const shown = (cell: string | number | null): string =>
  cell === null ? '' : typeof cell === 'number' && !Number.isInteger(cell) ? String(Number(cell.toPrecision(4))) : String(cell)
