// The table, on the terminal and in docs/.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

function shown(value, unit) {
  if (value === undefined) return ''
  if (unit === 'ms' && value >= 1000) return `${(value / 1000).toFixed(2)} s`
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${unit}`
}

function goal(row) {
  const { median, p99 } = row.goal
  const parts = [median, p99].filter((part) => part !== undefined)
  return [...new Set(parts.map((part) => shown(part, row.unit)))].map((part) => `≤ ${part}`).join(' / ')
}

/** Whether every goal of a row is met; undefined where there is none. */
function met({ goal, median, p99, worst }) {
  const checks = []
  if (goal.median !== undefined) checks.push(median <= goal.median)
  if (goal.p99 !== undefined) checks.push((p99 ?? worst) <= goal.p99)
  return checks.length ? checks.every(Boolean) : undefined
}

const verdict = (row) => ({ true: 'yes', false: '**no**', undefined: '' })[met(row)]

function cells(row) {
  const most = row.tries === 1 ? '' : shown(row.p99 ?? row.worst, row.unit) + (row.p99 === undefined ? ' (worst)' : '')
  return [row.name, shown(row.median, row.unit), most, row.tries === 1 ? '' : String(row.tries), goal(row), verdict(row)]
}

const HEAD = ['What', 'Median', '99th percentile', 'Tries', 'Goal', 'Met']

export function print(rows) {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, n) => Math.max(...lines.map((line) => line[n].length)))
  for (const line of lines) console.log(line.map((cell, n) => cell.padEnd(widths[n])).join('  ').trimEnd())
}

function page(rows, machine) {
  const table = [HEAD, HEAD.map(() => '---'), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |`)
  const { fsync_ms: fsync } = machine
  return `# Speed and size

Printed by \`make bench\`, which also writes this page and [bench.json](bench.json) with every single value. Real
processes of a release build on one machine, over loopback, in a network namespace of their own. Nothing is subtracted:
a time includes the way from and to the measuring process, for Chromium its debugging protocol. No test asserts these.

${table.join('\n')}

## How

${rows.map((row) => `- **${row.name}**: ${row.how}.`).join('\n')}

## On what

- ${machine.date}, commit ${machine.commit}
- ${machine.cores} cores, ${machine.processor}; ${machine.memory_gb} GB; load ${machine.load_before.toFixed(1)} before the start.
  All nodes, Chromium and the measuring process share these cores.
- ${machine.system}, kernel ${machine.kernel}
- Disk ${machine.disk}; 4 KiB written and synced in ${fsync.median.toFixed(2)} ms (99th percentile ${fsync.p99.toFixed(2)} ms)
- ${machine.rust}, Node.js ${machine.node}, ${machine.chromium}
`
}

export function write(folder, rows, machine, details) {
  writeFileSync(join(folder, 'bench.md'), page(rows, machine))
  writeFileSync(join(folder, 'bench.json'), `${JSON.stringify({ machine, rows, details }, undefined, 1)}\n`)
}
