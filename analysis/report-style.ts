/**
 * The style of a report. Figures are drawn for white paper by their own attributes; here the classes `figure`, `paper`, `muted`,
 * `grid`, `axis` and `s0` … `s6` (analysis/figures/draw.ts) take the colours of the page, so that they also read on a dark screen.
 */
export const reportStyle = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1e21; --muted: #5c6470; --grid: #dfe2e6; --soft: #f4f5f7; --link: #0b5cad }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --ink: #e8e9eb; --muted: #a2a9b3; --grid: #353a41; --soft: #1d2024; --link: #7cb7f2 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 Inter, "Segoe UI", Roboto, "DejaVu Sans", Arial, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--grid) }
p { margin: 0 0 .75rem; max-width: 46rem }
h1, h2, p, td, th, dd, figcaption, caption { unicode-bidi: isolate }
.summary { margin: 0 0 1.5rem; padding: .9rem 1.1rem .2rem; background: var(--soft); border-left: 4px solid #0072b2; font-size: 1.0625rem }
a { color: var(--link) }
nav ol { margin: 0; padding-left: 1.4rem; columns: 2 18rem }
figure { margin: 1.5rem 0 }
figure.small { display: inline-block; margin: .25rem .5rem .25rem 0; max-width: 100%; vertical-align: top }
figcaption { margin-top: .5rem; color: var(--muted); font-size: .875rem; max-width: 46rem }
figcaption b, caption b { color: var(--ink); font-weight: 600 }
.scroll { overflow: auto; max-width: 100% }
.drawing svg { display: block; height: auto; max-width: 100%; min-width: 30rem }
.small .drawing svg { min-width: 0 }
svg.figure { fill: var(--ink) }
svg .paper { fill: var(--paper) } svg .muted { fill: var(--muted) }
svg .grid { stroke: var(--grid) } svg .axis { stroke: var(--muted) }
@media (prefers-color-scheme: dark) {
  svg .line.s0 { stroke: #3f8fd8 } svg .fill.s0 { fill: #3f8fd8 }
  svg .line.s4 { stroke: #a3dcff } svg .fill.s4 { fill: #a3dcff }
  svg .line.s6 { stroke: #e8e9eb } svg .fill.s6 { fill: #e8e9eb }
}
.pictures { display: grid; gap: 0; width: max-content; font-size: .75rem; line-height: 1.25; color: var(--muted) }
.pictures img { display: block; max-width: none; image-rendering: pixelated }
.pictures .column { align-self: end; padding: 0 .25em .3em; text-align: center; overflow-wrap: anywhere }
.pictures .row { grid-column: 1; align-self: center; padding-right: .6em; max-width: 14rem; text-align: right; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.table { margin: 1.25rem 0; max-height: 36rem }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4 }
caption { text-align: left; padding: 0 0 .4rem; color: var(--ink) }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--grid) }
th { position: sticky; top: 0; background: var(--paper); font-weight: 600; vertical-align: bottom; box-shadow: inset 0 -1px var(--muted) }
tbody tr:last-child td { border-bottom-color: var(--muted) }
.number { text-align: right; font-variant-numeric: tabular-nums lining-nums; white-space: nowrap }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; font-size: .875rem }
dt { color: var(--muted) }
dd { margin: 0; font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .8125rem; overflow-wrap: anywhere }
@media (max-width: 36rem) { body { padding: 1rem .75rem 3rem } dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
@media print {
  :root { --paper: #fff; --ink: #000; --muted: #444; --grid: #ccc; --soft: #f4f4f4; --link: #000 }
  body { max-width: none; padding: 0; font-size: 10pt }
  .scroll, .table { overflow: visible; max-height: none }
  th { position: static }
  h2 { break-after: avoid } figure, tr { break-inside: avoid } thead { display: table-header-group }
  nav { display: none }
}
`.trim()
