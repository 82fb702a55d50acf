// `make bench`: everything, or the parts named on the command line. BENCH_QUICK=1 tries little and
// writes nothing: to see that it works. BENCH_ENTRIES is the length of the ledger that is joined.

import { resolve } from 'node:path'

const PARTS = ['clicks', 'heal', 'join', 'rest']
const named = process.argv.slice(2)
const unknown = named.filter((name) => !PARTS.includes(name))
if (unknown.length) throw new Error(`no such part: ${unknown}; there are ${PARTS}`)
const wanted = (name) => named.length === 0 || named.includes(name)
const quick = process.env.BENCH_QUICK === '1'

const root = resolve(import.meta.dirname, '../..')
process.chdir(root)
process.env.POSTE_BINARY ??= resolve('target/release/poste')
process.env.POSTE_HISTORY ??= resolve('target/release/examples/history')

// The parts read the environment as they are loaded.
const { clicks } = await import('./clicks.mjs')
const { healing, joining, joiningByCheckpoint } = await import('./apart.mjs')
const { rest } = await import('./rest.mjs')
const { machine, size } = await import('./machine.mjs')
const { print, write } = await import('./report.mjs')

const say = (words) => console.log(`\n── ${words}`)
const about = machine()
const rows = []
let details = {}

if (wanted('clicks')) {
  say('clicks, about 3 minutes')
  rows.push(...(await clicks({ count: quick ? 20 : 250, ports: 19_100 })))
}
if (wanted('heal')) {
  say('healing after a cut, about 5 minutes')
  rows.push(...(await healing({ count: quick ? 2 : 10, entries: 10_000, ports: 19_200 })))
}
if (wanted('join')) {
  say('cold join, about 6 minutes')
  const entries = Number(process.env.BENCH_ENTRIES ?? (quick ? 10_000 : 100_000))
  const count = quick ? 1 : 3
  rows.push(...(await joining({ count, entries, ports: 19_300 })))
  rows.push(...(await joiningByCheckpoint({ count, entries, ports: 19_500 })))
}
if (wanted('rest')) {
  say('a site at rest, 10 minutes')
  const found = await rest({ minutes: quick ? 1 : 10, ports: 19_400 })
  rows.push(...found.rows)
  details = found.details
}
rows.push(size())

say(quick ? 'quick figures, good for nothing but to see that it works' : 'figures')
print(rows)
if (!quick && named.length === 0) write(resolve('docs'), rows, about, details)
process.exit(0)
