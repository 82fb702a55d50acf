// Verifies a ledger file by docs/ledger-format.md alone. Usage: node verify-ledger.mjs FILE
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const SPKI = Buffer.from('302a300506032b6570032100', 'hex') // RFC 8410: ed25519 public key
const file = readFileSync(process.argv[2])

function fail(why) {
  console.error(`not a sound ledger: ${why}`)
  process.exit(1)
}

/** Bytes that are read from the front. */
class Bytes {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take(length) {
    if (this.at + length > this.bytes.length) fail('it ends early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** An integer of bincode's: one byte below 251, else a marker and 2, 4 or 8 bytes. */
  number() {
    const [first] = this.take(1)
    if (first < 251) return BigInt(first)
    if (first === 251) return BigInt(this.take(2).readUInt16LE())
    if (first === 252) return BigInt(this.take(4).readUInt32LE())
    if (first === 253) return this.take(8).readBigUInt64LE()
    return fail('a number')
  }

  list() {
    return this.take(Number(this.number()))
  }
}

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
const text = (words) => Buffer.from(words)
const hex = (bytes) => bytes.toString('hex')

function signedBy(key, signature, ...parts) {
  const spki = createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' })
  return verify(null, Buffer.concat(parts), spki, signature)
}

/** Checks an entry but for its place in its log. */
function judge(entry, name) {
  if (entry.length < 147 || entry[0] !== 1) fail(`${name}: layout`)
  const body = entry.readUInt16LE(81)
  if (body > 1000 || entry.length !== 147 + body) fail(`${name}: length`)
  const epoch = entry.subarray(1, 33)
  const signature = entry.subarray(83 + body)
  if (!signedBy(epoch, signature, text('poste-entry-1'), entry.subarray(0, 83 + body))) fail(`${name}: signature`)
  const kind = body < 2 ? fail(`${name}: body`) : entry.readUInt16LE(83)
  return { epoch: hex(epoch), seq: entry.readBigUInt64LE(33), kind, fields: entry.subarray(85, 83 + body) }
}

/** Admin nodes, by the site key's word, in entries that were judged. */
const admins = new Set()
function noteAdmin({ kind, fields }) {
  if (kind !== 2) return
  const [node, signature] = [fields.subarray(0, 32), fields.subarray(32, 96)]
  if (signedBy(site, signature, text('poste-admin-admitted-1'), site, node)) admins.add(hex(node))
}

/** Reads a snapshot's records; fills in the floors of logs. */
function readPiece(piece, floors) {
  const bytes = new Bytes(piece)
  for (let left = bytes.number(); left > 0n; left -= 1n) {
    const kind = bytes.number()
    if (kind === 0n) {
      const epoch = hex(bytes.take(32))
      const floor = { next: bytes.number(), head: bytes.take(32) }
      const known = floors.get(epoch)
      if (!known || known.next < floor.next) floors.set(epoch, floor)
    } else if (kind === 1n) {
      const entry = judge(bytes.list(), 'an entry of a checkpoint')
      if (entry.seq >= (floors.get(entry.epoch)?.next ?? 0n)) fail('a checkpoint speaks for more than its floors')
      noteAdmin(entry)
    } else if (kind === 2n) bytes.take(32)
    else if (kind === 3n) {
      bytes.number()
      bytes.take(1)
      bytes.list()
    } else if (kind === 4n) {
      bytes.take(48)
      for (let figure = 0; figure < 4; figure += 1) bytes.number()
      if (bytes.take(1)[0] === 1) {
        bytes.take(32)
        bytes.number()
      }
      bytes.take(64)
    } else fail('a record of a checkpoint')
  }
  if (bytes.at !== piece.length) fail('bytes follow a piece')
}

const whole = new Bytes(file)
if (whole.take(13).toString('latin1') !== 'poste-ledger\n' || whole.take(1)[0] !== 2) fail('another format')
const site = whole.take(32)
const logs = new Map()
const signers = []
for (let left = whole.take(1)[0]; left > 0; left -= 1) {
  const checkpoint = whole.take(whole.take(2).readUInt16LE())
  const says = new Bytes(checkpoint)
  for (let parents = says.number(); parents > 0n; parents -= 1n) says.take(32)
  says.number() // its time
  says.number() // that of the first of its line
  const hash = says.take(32)
  const count = says.number()
  const nodes = new Set()
  for (let signatures = whole.take(1)[0]; signatures > 0; signatures -= 1) {
    const [node, signature] = [whole.take(32), whole.take(64)]
    if (!signedBy(node, signature, text('poste-checkpoint-1'), site, checkpoint)) fail('a signature under a checkpoint')
    nodes.add(hex(node))
  }
  signers.push(nodes)
  const list = []
  for (let n = 0n; n < count; n += 1n) {
    const piece = whole.take(whole.take(4).readUInt32LE())
    list.push(sha256(text('poste-piece-1'), piece))
    readPiece(piece, logs)
  }
  const length = count < 251n ? Buffer.from([Number(count)]) : Buffer.from([251, Number(count & 255n), Number(count >> 8n)])
  if (!sha256(text('poste-pieces-1'), length, ...list).equals(hash)) fail('the pieces of a checkpoint')
}
let count = 0n
for (;;) {
  const length = whole.take(2).readUInt16LE()
  if (length === 0) break
  const bytes = whole.take(length)
  const entry = judge(bytes, `entry ${count}`)
  const log = logs.get(entry.epoch) ?? { next: 0n, head: Buffer.alloc(32) }
  if (entry.seq !== log.next) fail(`entry ${count}: number`)
  if (!bytes.subarray(41, 73).equals(log.head)) fail(`entry ${count}: previous hash`)
  if (log.next === 0n && entry.kind !== 4) fail(`entry ${count}: no boot certificate`)
  logs.set(entry.epoch, { next: log.next + 1n, head: sha256(bytes) })
  noteAdmin(entry)
  count += 1n
}
for (const nodes of signers) {
  if (![...nodes].some((node) => admins.has(node))) fail('no admin node signed a checkpoint')
}
if (whole.take(8).readBigUInt64LE() !== count) fail('count')
const hash = sha256(file.subarray(0, whole.at))
if (!whole.take(32).equals(hash)) fail('hash')
if (whole.at !== file.length) fail('bytes follow its end')
console.log(`site ${hex(site)}: ${count} entries in ${logs.size} logs on ${signers.length} checkpoints, all signed and chained`)
