import path from 'node:path'
import type { ServerMessage } from '../server/protocol.ts'
import { duration } from '../train/progress.ts'
import type { NodeOutput } from './outputs.ts'

/** What is told about a run: to people as bars and lines, to machines as one JSON object a line. */
export type RunReport = {
  /** Where it runs, and why there. */
  device(device: string, reason: string): void
  event(message: ServerMessage): void
  outputs(outputs: readonly NodeOutput[]): void
  /** One line per fault, `node (title): message` where a node is to blame. */
  failed(lines: readonly string[]): void
  end(status: 'success' | 'error' | 'interrupted', seconds: number): void
}

/** Every line of stdout is one JSON object: the server's own messages, then `outputs`, and `end` last. */
export function jsonReport(out: NodeJS.WritableStream): RunReport {
  const say = (value: object) => void out.write(`${JSON.stringify(value)}\n`)
  return {
    device: (device, reason) => say({ type: 'device', data: { device, reason } }),
    // `progress_state` repeats for every node what `progress` says of one.
    event: message => message.type !== 'progress_state' && say(message),
    outputs: outputs => outputs.forEach(data => say({ type: 'output', data })),
    failed: messages => say({ type: 'failed', data: { messages } }),
    end: (status, seconds) => say({ type: 'end', data: { status, seconds: Math.round(seconds * 1000) / 1000 } }),
  }
}

/** Bars on `err` while it runs (lines where it is no terminal), files and texts on `out`. */
export function humanReport(out: NodeJS.WritableStream, err: NodeJS.WriteStream, titleOf: (node: string) => string): RunReport {
  const bars = nodeBars(err, titleOf)
  return {
    device: (device, reason) => void err.write(`Running on ${device} (${reason})\n`),
    event: message => {
      if (message.type === 'executing' && message.data.node !== null) bars.begin(message.data.display_node ?? message.data.node)
      if (message.type === 'progress') bars.move(message.data.value, message.data.max)
      if (message.type === 'execution_success') bars.end('✓')
      if (message.type === 'execution_error' || message.type === 'execution_interrupted') bars.end('✗')
    },
    outputs: outputs => {
      for (const { node, title, files, text } of outputs) {
        if (files.length + text.length === 0) continue
        out.write(`${node} (${title})\n`)
        for (const line of text.flatMap(text => text.split('\n'))) out.write(`  ${line}\n`)
        for (const file of files) out.write(`  ${shortest(file)}\n`)
      }
    },
    failed: lines => void err.write(lines.map(line => `${line}\n`).join('')),
    end: (status, seconds) =>
      void err.write({ success: `Done in ${duration(seconds)}\n`, error: '', interrupted: 'Cancelled\n' }[status]),
  }
}

/** A path as a person in this folder would write it. */
function shortest(file: string): string {
  const relative = path.relative('', file)
  return relative === '' || relative.startsWith('..') ? file : relative
}

/** Off a terminal, a node that takes long says every so often how far it is, ms. */
const signOfLife = 10_000

/** One line a node. The executor runs one at a time, so the one before is done when the next begins. */
function nodeBars(err: NodeJS.WriteStream, titleOf: (node: string) => string) {
  let current: { name: string; began: number; value: number; max: number } | undefined
  let told = 0
  const width = 24
  const seconds = (began: number) => `${((performance.now() - began) / 1000).toFixed(1)} s`
  const draw = () => {
    if (!current) return
    const { name, began, value, max } = current
    if (!err.isTTY) {
      if (performance.now() - Math.max(began, told) < signOfLife) return
      told = performance.now()
      return void err.write(`  ${name.padEnd(28)} ${value}/${max}  ${seconds(began)}\n`)
    }
    const full = Math.round((width * value) / Math.max(1, max))
    err.write(
      `\r\x1b[K  ${name.padEnd(28)} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${max > 1 ? `${value}/${max}  ` : ''}${seconds(began)}`,
    )
  }
  const end = (mark: string) => {
    if (!current) return
    const { name, began, value, max } = current
    err.write(`${err.isTTY ? '\r\x1b[K' : ''}${mark} ${name.padEnd(28)} ${max > 1 ? `${value}/${max}  ` : ''}${seconds(began)}\n`)
    current = undefined
  }
  return {
    begin: (node: string) => {
      end('✓')
      current = { name: titleOf(node), began: performance.now(), value: 0, max: 1 }
      draw()
    },
    move: (value: number, max: number) => {
      if (current) current = { ...current, value, max }
      draw()
    },
    end,
  }
}
