import { Command } from 'commander'
import { collected } from './options.ts'

/** `patronus bench`: how fast this machine is, each number against what it should be compared with. */
export const benchCommand = (house: string): Command =>
  new Command('bench')
    .description('measure speed on this machine (CPU)')
    .option('--json', 'one JSON object a line: name, value, unit; against and ratio for comparisons')
    .option('--only <name>', 'only measures whose group is this: network, step, server; repeatable', collected)
    .option('--quick', 'fewer repetitions')
    .action(async (options: { json?: boolean; only?: readonly string[]; quick?: boolean }) => {
      const { bench } = await import('../bench/main.ts')
      await bench(house, options)
    })
