// The wire between the nodes: cut, healed and counted by nftables. Needs a network namespace of its
// own, which `make bench` gives.

import { execFileSync } from 'node:child_process'

const TABLE = 'inet bench'
const nft = (...words) => execFileSync('nft', words, { encoding: 'utf8' })

/** Removes what an earlier part left. */
export function clear() {
  nft('add', 'table', ...TABLE.split(' '))
  nft('delete', 'table', ...TABLE.split(' '))
  nft('add', 'table', ...TABLE.split(' '))
  nft('add', 'chain', ...TABLE.split(' '), 'wire', '{ type filter hook output priority 0; }')
}

/** Nothing more reaches these link ports, and nobody is told. */
export function cut(ports) {
  nft('add', 'rule', ...TABLE.split(' '), 'wire', 'udp', 'dport', `{ ${ports.join(', ')} }`, 'drop')
}

/** The cut ends: gives the moment. */
export function heal() {
  const now = performance.now()
  nft('flush', 'chain', ...TABLE.split(' '), 'wire')
  return now
}

/** Counts what each of these UDP ports sends and what is sent to it. */
export function count(ports) {
  for (const port of ports) {
    for (const way of ['sport', 'dport']) {
      nft('add', 'counter', ...TABLE.split(' '), `${way}-${port}`)
      nft('add', 'rule', ...TABLE.split(' '), 'wire', 'udp', way, String(port), 'counter', 'name', `${way}-${port}`)
    }
  }
}

/** Bytes so far by port, IP headers included: `{ [port]: { sent, received } }`. */
export function counted() {
  const { nftables } = JSON.parse(nft('-j', 'list', 'counters'))
  const bytes = {}
  for (const { counter } of nftables) {
    if (!counter) continue
    const [way, port] = counter.name.split('-')
    bytes[port] ??= { sent: 0, received: 0 }
    bytes[port][way === 'sport' ? 'sent' : 'received'] = counter.bytes
  }
  return bytes
}
