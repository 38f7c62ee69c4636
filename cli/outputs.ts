import { copyFile, mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { tableCsv } from '../analysis/csv.ts'
import { plotSvg } from '../analysis/figures/line-plot.ts'
import type { Ui } from '../nodes/node.ts'
import { writeWhole } from '../server/whole-files.ts'
import { slug } from './slug.ts'

/** What one node of a run shows, as files in the output folder and lines of text. */
export type NodeOutput = {
  readonly node: string
  readonly title: string
  readonly files: readonly string[]
  readonly text: readonly string[]
}

/** Folders by where the server says a picture lies. */
export type Folders = { readonly output: string; readonly temp: string }

/**
 * Keeps everything that nodes show: saved pictures stay where they are; previews, tables and plots, which a page would
 * merely show, become `<title>_00001_.png`, `.csv` and `.svg` beside them.
 */
export async function keepOutputs(
  shown: readonly { node: string; title: string; ui: Ui }[],
  folders: Folders,
): Promise<NodeOutput[]> {
  const kept: NodeOutput[] = []
  for (const { node, title, ui } of shown) {
    const place = await numbered(folders.output, slug(title) || `node-${slug(node)}`)
    const files: string[] = []
    for (const { filename, subfolder, type } of ui.images ?? []) {
      const from = path.join(type === 'temp' ? folders.temp : folders.output, subfolder, filename)
      const to = type === 'temp' ? place('png') : from
      if (to !== from) await copyFile(from, to)
      files.push(to)
    }
    const write = async (file: string, text: string) => {
      await writeWhole(file, Buffer.from(text))
      files.push(file)
    }
    for (const table of ui.tables ?? []) await write(place('csv'), tableCsv(table))
    for (const plot of ui.plots ?? []) await write(place('svg'), plotSvg(plot))
    kept.push({ node, title, files, text: ui.text ?? [] })
  }
  return kept
}

/** Names `<stem>_00001_.<extension>` and so on, counting on from what lies in the folder. */
async function numbered(folder: string, stem: string): Promise<(extension: string) => string> {
  await mkdir(folder, { recursive: true })
  const taken = (await readdir(folder)).flatMap(name =>
    name.startsWith(`${stem}_`) ? [Number(/^(\d+)_\./.exec(name.slice(stem.length + 1))?.[1] ?? 0)] : [],
  )
  let next = Math.max(0, ...taken)
  return extension => path.join(folder, `${stem}_${String(++next).padStart(5, '0')}_.${extension}`)
}
