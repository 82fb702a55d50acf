// A site at rest: memory, processor, bytes on the wire.

import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'

import { Demo } from '../../admin-web/console/e2e/demo.mjs'
import { pause, single } from './figures.mjs'
import { tellKiosk } from './requests.mjs'
import * as wire from './wire.mjs'

const NAMES = ['admin-1', 'admin-2', 'poste-1', 'poste-2', 'poste-3']
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const SETTLING_MS = 60_000

/** Seconds of processor that a process has used. */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Resident memory, in MB (10⁶ bytes): all of it, and what is left when shared pages are shared out. */
function memory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const of = (name) => (Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)[1]) * 1024) / 1e6
  return { rss: of('Rss'), pss: of('Pss') }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Watches for a while; gives part of a processor in percent and bytes a second, by node. */
async function watch(demo, links, ms) {
  const pids = NAMES.map((name) => demo.node(name).pid)
  const [before, from, began] = [pids.map(used), wire.counted(), performance.now()]
  await pause(ms)
  const [after, to, seconds] = [pids.map(used), wire.counted(), (performance.now() - began) / 1000]
  return NAMES.map((name, n) => {
    const port = links[n]
    const way = (one) => (to[port][one] - from[port][one]) / seconds
    return { name, processor: (100 * (after[n] - before[n])) / seconds, sent: way('sent'), received: way('received') }
  })
}

export async function rest({ minutes, ports }) {
  const links = NAMES.map((_, n) => ports + 30 + n)
  wire.clear()
  wire.count([...links, 5353])
  const demo = await Demo.start(ports)
  try {
    const began = performance.now()
    const until = (part) => Math.max(0, part * minutes * 60_000 - (performance.now() - began))
    await pause(Math.min(SETTLING_MS, until(0.1)))
    const idle = await watch(demo, links, until(0.5))
    const kiosks = NAMES.filter((name) => name.startsWith('poste'))
    for (const [n, name] of kiosks.entries()) await tellKiosk(demo.node(name).page, '/open', { code: demo.codes[n] })
    await pause(Math.min(10_000, until(0.55)))
    const busy = await watch(demo, links, until(1))
    const held = NAMES.map((name) => ({ name, ...memory(demo.node(name).pid) }))
    return { rows: rows(idle, busy, held, minutes), details: { idle, busy, held } }
  } finally {
    await demo.stop()
    wire.clear()
  }
}

function rows(idle, busy, held, minutes) {
  const kiosk = (one) => one.name.startsWith('poste')
  const admin = (one) => !kiosk(one)
  const of = (list, who, what) => mean(list.filter(who).map(what))
  const bytes = (one) => one.sent + one.received
  const [rss, pss, processor] = [(one) => one.rss, (one) => one.pss, (one) => one.processor]
  const after = `after ${minutes} minutes of the demo site, sessions running, no page open; mean of the nodes`
  const still = 'no session, no page open; mean of the nodes'
  return [
    single('Memory of a kiosk (RSS)', after, of(held, kiosk, rss), 'MB', 25),
    single('Memory of a kiosk (PSS)', `${after}; shared pages shared out`, of(held, kiosk, pss), 'MB'),
    single('Memory of an admin node (RSS)', after, of(held, admin, rss), 'MB', 60),
    single('Memory of an admin node (PSS)', `${after}; shared pages shared out`, of(held, admin, pss), 'MB'),
    single('Processor, idle kiosk', `of one core; ${still}`, of(idle, kiosk, processor), '%', 0.5),
    single('Processor, idle admin node', `of one core; ${still}`, of(idle, admin, processor), '%', 0.5),
    single('Processor, kiosk with a session', 'of one core', of(busy, kiosk, processor), '%'),
    single('Wire, idle kiosk', `sent and received on its link port, IP headers included; ${still}`, of(idle, kiosk, bytes), 'B/s', 500),
    single('… of it sent', 'the kiosk\'s own share; what it receives is another node\'s', of(idle, kiosk, (one) => one.sent), 'B/s'),
    single('Wire, kiosk with a session', 'sent and received', of(busy, kiosk, bytes), 'B/s'),
  ]
}
