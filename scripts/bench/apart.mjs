// Ledgers that are far apart: after a cut, and from nothing.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

import { Demo, until } from '../../admin-web/console/e2e/demo.mjs'
import { moment, pause, tries } from './figures.mjs'
import { Member } from './member.mjs'
import * as wire from './wire.mjs'

/** Length of a cut: longer than a link lives without a word, so that both ends have noticed. */
const CUT_MS = 20_000

/** A site that was founded and stopped, and its nodes. */
async function founded(ports) {
  const demo = await Demo.start(ports)
  const names = ['admin-1', 'admin-2', 'poste-1', 'poste-2', 'poste-3']
  await until('all to know each other', () => new Set(names.map((name) => demo.status(name).fingerprint)).size === 1, 60_000)
  demo.process.kill('SIGINT')
  await until('the demo to end', () => demo.process.exitCode !== null)
  const folder = join(demo.folder, 'demo')
  return { demo, nodes: Object.fromEntries(names.map((name) => [name, new Member(folder, name)])) }
}

/** Writes history into an admin node's store, together with a kiosk. */
function lengthen(admin, kiosk, entries) {
  const written = execFileSync(process.env.POSTE_HISTORY, [admin.data, kiosk.data, String(entries)], { encoding: 'utf8' })
  return Number(written)
}

async function same(one, other) {
  const [a, b] = await Promise.all([one.fingerprint(), other.fingerprint()])
  return a === b
}

export async function healing({ count, entries, ports }) {
  const { demo, nodes } = await founded(ports)
  const [one, other] = [nodes['admin-1'], nodes['admin-2']]
  const [linked, whole] = [[], []]
  try {
    const apart = lengthen(one, nodes['poste-1'], entries / 2) + lengthen(other, nodes['poste-2'], entries / 2)
    for (const node of [one, other]) node.keep()
    for (let n = 0; n < count; n += 1) {
      for (const node of [one, other]) node.restore()
      wire.clear()
      wire.cut([one.link, other.link])
      for (const node of [one, other]) node.start()
      await Promise.all([one.ready(), other.ready()])
      await pause(CUT_MS * (0.75 + Math.random() / 2))
      const held = Math.max(await one.entries(), await other.entries())
      const began = wire.heal()
      const link = moment('the link', 10, 60_000, () => one.links())
      const level = moment('as many entries', 20, 60_000, async () => {
        const [a, b] = await Promise.all([one.entries(), other.entries()])
        return a === b && a > held
      })
      linked.push((await link) - began)
      await level
      whole.push((await moment('one fingerprint', 20, 60_000, () => same(one, other))) - began)
      await Promise.all([one.stop(), other.stop()])
    }
    const cutWords = `two admin nodes, ${apart} entries apart, cut for some ${CUT_MS / 1000} s; tried each 20 ms`
    return [
      tries(`Heal, ${apart} entries apart`, `${cutWords}; from the cut's end to equal fingerprints`, whole, 'ms', { median: 2_000, p99: 2_000 }),
      tries('… until the link stood', 'the part of it that passed before the nodes had dialled again', linked, 'ms'),
      tries('… from link to one state', 'the rest of it', whole.map((all, n) => all - linked[n]), 'ms', { median: 2_000 }),
    ]
  } finally {
    wire.clear()
    await Promise.all([one.stop(), other.stop()].map((end) => end.catch(() => {})))
    await demo.stop()
  }
}

export async function joining({ count, entries, ports }) {
  const { demo, nodes } = await founded(ports)
  const admin = nodes['admin-1']
  const rows = []
  try {
    wire.clear()
    const written = lengthen(admin, nodes['poste-1'], entries)
    const began = performance.now()
    admin.start()
    await admin.ready()
    const folded = performance.now() - began
    for (const [name, title] of [['poste-2', 'kiosk'], ['admin-2', 'admin node']]) {
      const node = nodes[name]
      const [values, entriesIn] = [[], []]
      for (let n = 0; n < count; n += 1) {
        const whole = await admin.entries()
        node.forget()
        const from = performance.now()
        node.start()
        // A fingerprint is dear on a long ledger: it is asked for once all entries are there, and that
        // of the admin node, which nothing changes, once.
        await moment(`${name} to hold more than ${whole} entries`, 50, 120_000, async () => {
          const held = await node.entries()
          if (held > whole) return true
          throw new Error(`${held}, with ${await node.links()} links to admin nodes`)
        })
        const all = performance.now()
        const end = await admin.fingerprint()
        values.push((await moment('one fingerprint', 100, 120_000, async () => (await node.fingerprint()) === end)) - from)
        entriesIn.push(all - from)
        await node.stop()
      }
      rows.push(tries(
        `Cold join, ${written} entries, ${title}`, 'from the start of a process with an empty store to the fingerprint of the admin node; tried each 100 ms', values, 'ms', { median: 15_000 },
      ))
      rows.push(tries('… until it held all entries', 'the part of it before the last registers of use came', entriesIn, 'ms'))
    }
    rows.push(tries(`Start, ${written} entries, admin node`, 'from the start of a process on a full store until it answers', [folded], 'ms'))
    return rows
  } finally {
    await Promise.all([admin, nodes['poste-2'], nodes['admin-2']].map((node) => node.process && node.stop()))
    await demo.stop()
  }
}

/** As `joining`, in a site whose admin nodes have agreed on a checkpoint of all that. */
export async function joiningByCheckpoint({ count, entries, ports }) {
  const { demo, nodes } = await founded(ports)
  const [admin, other] = [nodes['admin-1'], nodes['admin-2']]
  const rows = []
  try {
    wire.clear()
    const written = lengthen(admin, nodes['poste-1'], entries)
    for (const node of [admin, other]) node.start()
    await Promise.all([admin.ready(), other.ready()])
    // So many entries make one due; both have signed it when both stand on it.
    await moment('a checkpoint on both admin nodes', 500, 300_000, async () => {
      const [mine, theirs] = await Promise.all([admin.checkpoint(), other.checkpoint()])
      return mine !== null && mine === theirs && (await same(admin, other))
    })
    for (const [name, title] of [['poste-2', 'kiosk'], ['admin-2', 'admin node']]) {
      const node = nodes[name]
      if (node.process) await node.stop()
      const values = []
      for (let n = 0; n < count; n += 1) {
        node.forget()
        const from = performance.now()
        node.start()
        values.push((await moment('one fingerprint', 100, 120_000, async () => (await node.checkpoint()) !== null && same(node, admin))) - from)
        await node.stop()
      }
      rows.push(tries(
        `Cold join by a checkpoint, ${written} entries, ${title}`, 'from the start of a process with an empty store to the fingerprint of the admin node; tried each 100 ms', values, 'ms', { median: 3_000 },
      ))
    }
    return rows
  } finally {
    await Promise.all([admin, nodes['poste-2'], other].map((node) => node.process && node.stop()))
    await demo.stop()
  }
}
