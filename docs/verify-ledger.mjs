// Verifies a ledger file by docs/ledger-format.md alone. Usage: node verify-ledger.mjs FILE
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const SPKI = Buffer.from('302a300506032b6570032100', 'hex') // RFC 8410: ed25519 public key
const file = readFileSync(process.argv[2])
let at = 0

function fail(why) {
  console.error(`not a sound ledger: ${why}`)
  process.exit(1)
}

function take(length) {
  if (at + length > file.length) fail('it ends early')
  at += length
  return file.subarray(at - length, at)
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

if (take(13).toString('latin1') !== 'poste-ledger\n' || take(1)[0] !== 1) fail('another format')
const site = take(32).toString('hex')
const logs = new Map()
let count = 0n
for (;;) {
  const length = take(2).readUInt16LE()
  if (length === 0) break
  const entry = take(length)
  if (length < 147 || entry[0] !== 1) fail(`entry ${count}: layout`)
  const body = entry.readUInt16LE(81)
  if (body > 1000 || length !== 147 + body) fail(`entry ${count}: length`)
  const epoch = entry.subarray(1, 33)
  const key = createPublicKey({ key: Buffer.concat([SPKI, epoch]), format: 'der', type: 'spki' })
  const signed = Buffer.concat([Buffer.from('poste-entry-1'), entry.subarray(0, 83 + body)])
  if (!verify(null, signed, key, entry.subarray(83 + body))) fail(`entry ${count}: signature`)
  const log = logs.get(epoch.toString('hex')) ?? { next: 0n, head: Buffer.alloc(32) }
  if (entry.readBigUInt64LE(33) !== log.next) fail(`entry ${count}: number`)
  if (!entry.subarray(41, 73).equals(log.head)) fail(`entry ${count}: previous hash`)
  if (log.next === 0n && entry.readUInt16LE(83) !== 4) fail(`entry ${count}: no boot certificate`)
  logs.set(epoch.toString('hex'), { next: log.next + 1n, head: sha256(entry) })
  count += 1n
}
if (take(8).readBigUInt64LE() !== count) fail('count')
const hash = sha256(file.subarray(0, at))
if (!take(32).equals(hash)) fail('hash')
if (at !== file.length) fail('bytes follow its end')
console.log(`site ${site}: ${count} entries in ${logs.size} logs, all signed and chained`)
