// What the figures were taken on.

import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'

import { rank, single } from './figures.mjs'

const quietly = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
const said = (command, ...words) => execFileSync(command, words, quietly).trim()

/** What one 4 KiB write with its fsync takes here: the floor under everything that is durable. */
function fsyncMs() {
  const folder = mkdtempSync(join(tmpdir(), 'poste-disk-'))
  const file = openSync(join(folder, 'file'), 'w')
  const block = Buffer.alloc(4096, 1)
  const values = []
  for (let n = 0; n < 200; n += 1) {
    const began = performance.now()
    writeSync(file, block)
    fsyncSync(file)
    values.push(performance.now() - began)
  }
  closeSync(file)
  rmSync(folder, { recursive: true })
  return { median: rank(values, 0.5), p99: rank(values, 0.99) }
}

function debian() {
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown'
}

export function machine() {
  const disk = said('findmnt', '--noheadings', '--output', 'SOURCE,FSTYPE', '--target', tmpdir()).split(/\s+/)
  const changed = said('git', 'status', '--porcelain', '--untracked-files=no') !== ''
  return {
    date: new Date().toISOString(),
    commit: said('git', 'rev-parse', '--short', 'HEAD') + (changed ? ' and changes' : ''),
    cores: cpus().length,
    processor: cpus()[0].model.trim(),
    memory_gb: Math.round(totalmem() / 1e9),
    load_before: loadavg()[0],
    kernel: release(),
    system: debian(),
    disk: disk.join(' '),
    fsync_ms: fsyncMs(),
    rust: said('rustc', '--version'),
    node: process.version,
    chromium: said(process.env.CHROMIUM ?? '/usr/bin/chromium', '--version').split('\n').at(-1),
  }
}

export function size() {
  const bytes = statSync(process.env.POSTE_BINARY).size
  return single('Size of the binary', 'release, stripped; console and kiosk page are in it', bytes / 1e6, 'MB')
}
