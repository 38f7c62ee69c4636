/** Curves with bands and marks, drawn by uPlot in the colours of the page; the numbers are also a table that can be unfolded. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Plot } from '../../nodes/node.ts'

const SERIES = ['#4f9cf9', '#f0a13a', '#5bb974', '#e36fa8', '#a78bfa', '#3ea7bd', '#e2725b', '#c9a227']
const HEIGHT = 220

export function PlotView({ plot }: { plot: Plot }) {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = host.current
    if (!element) return
    const chart = draw(plot, element)
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
    }
  }, [plot])
  return (
    <figure class="plot">
      <figcaption>{plot.title}</figcaption>
      <div
        ref={host}
        role="img"
        aria-label={`${plot.title}: ${plot.y.label} over ${plot.x.label}, ${plot.series.map(({ name }) => name).join(', ')}`}
      />
    </figure>
  )
}

function draw(plot: Plot, element: HTMLElement): uPlot {
  const style = getComputedStyle(element)
  const [text, line] = [style.getPropertyValue('--muted').trim(), style.getPropertyValue('--line').trim()]
  const { data, series, bands } = columns(plot)
  const axis: uPlot.Axis = {
    stroke: text,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    font: '11px "Inter Variable"',
    labelFont: '11px "Inter Variable"',
    labelSize: 20,
  }
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      series,
      bands,
      cursor: { points: { size: 6 } },
      legend: { live: true },
      scales: { x: { time: false, dir: plot.x.reverse ? -1 : 1 } },
      axes: [
        { ...axis, label: plot.x.label, size: 34 },
        { ...axis, label: plot.y.label, size: 64, labelGap: 4 },
      ],
      hooks: { draw: [chart => drawMarks(chart, plot, text)] },
    },
    data,
    element,
  )
}

/** uPlot wants one array a curve, the band as two invisible ones around it, and x rising. */
function columns({ x, series }: Plot): { data: uPlot.AlignedData; series: uPlot.Series[]; bands: uPlot.Band[] } {
  const order = x.values.map((_, i) => i).sort((a, b) => x.values[a] - x.values[b])
  const sorted = (values: readonly number[]) => order.map(i => values[i] ?? null)
  const data: (number | null)[][] = [order.map(i => x.values[i])]
  const drawn: uPlot.Series[] = [{ label: x.label }]
  const bands: uPlot.Band[] = []
  series.forEach(({ name, y, band, dashed }, i) => {
    const stroke = SERIES[i % SERIES.length]
    data.push(sorted(y))
    drawn.push({
      label: name,
      stroke,
      width: 2,
      dash: dashed ? [6, 4] : undefined,
      value: (_, value) => (value === null ? '–' : value.toPrecision(4)),
    })
    if (!band) return
    const at = drawn.length
    data.push(sorted(y.map((value, j) => value + band[j])), sorted(y.map((value, j) => value - band[j])))
    for (const side of ['upper', 'lower'])
      drawn.push({ label: `${name} ${side}`, stroke: 'transparent', points: { show: false }, class: 'no-legend' })
    bands.push({ series: [at, at + 1], fill: `${stroke}2e` })
  })
  return { data: data as uPlot.AlignedData, series: drawn, bands }
}

function drawMarks(chart: uPlot, { marks = [] }: Plot, colour: string): void {
  const { ctx, bbox } = chart
  ctx.save()
  ctx.strokeStyle = ctx.fillStyle = colour
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio])
  ctx.font = `${11 * devicePixelRatio}px "Inter Variable"`
  marks.forEach(({ x, label }, i) => {
    const at = chart.valToPos(x, 'x', true)
    ctx.beginPath()
    ctx.moveTo(at, bbox.top)
    ctx.lineTo(at, bbox.top + bbox.height)
    ctx.stroke()
    ctx.fillText(label, at + 4 * devicePixelRatio, bbox.top + (14 + 13 * (i % 3)) * devicePixelRatio)
  })
  ctx.restore()
}
