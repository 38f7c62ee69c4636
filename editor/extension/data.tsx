/** Curves and tables of a node's result, drawn under its widgets in ComfyUI's page. */
import type { Table, Ui } from '../../nodes/node.ts'
import { PlotView } from '../panels/plot.tsx'

/** Rows shown; the whole table is in the history and in `Save Table`. */
const mostRows = 200

export const hasData = (output: Ui | undefined): boolean => !!(output?.plots?.length || output?.tables?.length)

export function NodeData({ output }: { output: Ui }) {
  return (
    <div class="patronus patronus-data">
      {output.plots?.map((plot, i) => (
        <PlotView key={i} plot={plot} />
      ))}
      {output.tables?.map((table, i) => (
        <TableView key={i} table={table} />
      ))}
    </div>
  )
}

function TableView({ table: { title, columns, rows } }: { table: Table }) {
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          {columns.map(column => (
            <th key={column}>{column}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, mostRows).map((row, i) => (
          <tr key={i}>
            {row.map((cell, j) => (
              <td key={j}>{cell === null ? '–' : String(cell)}</td>
            ))}
          </tr>
        ))}
      </tbody>
      {rows.length > mostRows && (
        <tfoot>
          <tr>
            <td colSpan={columns.length}>{rows.length - mostRows} more rows</td>
          </tr>
        </tfoot>
      )}
    </table>
  )
}
