/** Either litegraph: today's as a module, or 0.7 as the script it is (index.html?litegraph=0.7). */
export async function loadLiteGraph() {
  if (new URLSearchParams(location.search).get('litegraph') !== '0.7') return import('./litegraph.es.js')
  await new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: 'litegraph-0.7.js', onload: resolve, onerror: reject })
    document.head.append(script)
  })
  const { LGraph, LGraphCanvas, LGraphNode, LiteGraph } = window
  return { LGraph, LGraphCanvas, LGraphNode, LiteGraph }
}
