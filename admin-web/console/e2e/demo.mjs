// A whole site of real processes for browser tests: `poste demo` in a folder of its own, on ports of
// its own, on loopback. Everything waits for a condition, with a deadline.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { chromium } from 'playwright-core'

const ROOT = resolve(import.meta.dirname, '../../..')
export const BINARY = process.env.POSTE_BINARY ?? join(ROOT, 'target/debug/poste')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const START_MS = 90_000

/** Waits until `probe` gives something true, and gives that; says `what` it waited for in vain. */
export async function until(what, probe, deadlineMs = 20_000) {
  const end = performance.now() + deadlineMs
  let last
  for (;;) {
    try {
      last = await probe()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`in vain: ${what} (last: ${last})`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

export class Demo {
  static async start(ports) {
    const demo = new Demo()
    demo.folder = mkdtempSync(join(tmpdir(), 'poste-e2e-'))
    demo.said = ''
    demo.process = spawn(BINARY, ['demo', '--dir', join(demo.folder, 'demo'), '--ports', String(ports)], {
      env: { ...process.env, LANG: 'en_US.UTF-8', LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    for (const stream of [demo.process.stdout, demo.process.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => (demo.said += text))
    }
    await until('the demo to say what to try', () => {
      if (demo.process.exitCode !== null) throw new Error(`the demo ended: ${demo.said}`)
      return /Ctrl-C/.test(demo.said)
    }, START_MS)
    return demo
  }

  /** The line about one node: its page and its process, the latest that was said. */
  node(name) {
    const page = new RegExp(`^ +${name} +(http\\S+)`, 'm').exec(this.said)?.[1]
    const pids = [...this.said.matchAll(new RegExp(`${name}\\b.*?(?:process|processus) (\\d+)`, 'g'))]
    return { page, pid: Number(pids.at(-1)?.[1]) }
  }

  get codes() {
    return [...this.said.matchAll(/\b[0-9A-Z]{4}-[0-9A-Z]{4}\b/g)].map((found) => found[0])
  }

  get login() {
    const [, name, password] = /log(?:in| ?in)? +(\S+) +password +(\S+)/.exec(this.said) ?? []
    const french = /identifiant +(\S+) +mot de passe +(\S+)/.exec(this.said)
    return { name: name ?? french?.[1], password: password ?? french?.[2] }
  }

  /** Where a node's configuration is. */
  config(name) {
    return join(this.folder, 'demo', name, 'poste.toml')
  }

  /** What the node itself says of its state. */
  status(name) {
    const config = this.config(name)
    return JSON.parse(execFileSync(BINARY, ['--config', config, 'status', '--json'], { encoding: 'utf8' }))
  }

  async kill(name) {
    const { pid } = this.node(name)
    process.kill(pid, 'SIGKILL')
    return pid
  }

  /** Starts again whoever does not run. */
  revive() {
    this.process.stdin.write('\n')
  }

  async stop() {
    this.process.kill('SIGINT')
    await until('the demo to end', () => this.process.exitCode !== null, 20_000).catch(() => this.process.kill('SIGKILL'))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function browser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
}

/** A page that remembers what went wrong in it: errors, refused policies, requests elsewhere. */
export async function openPage(context, address) {
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted Type/i.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    const { hostname } = new URL(request.url())
    if (!['127.0.0.1', '127.0.0.2'].includes(hostname)) faults.push(`third party: ${request.url()}`)
  })
  await page.goto(address)
  return { page, faults }
}

export async function signIn(page, { name, password }) {
  await page.fill('input[name=username]', name)
  await page.fill('input[name=password]', password)
  await page.click('button[type=submit]')
  await page.waitForSelector('.tile')
}

/** Seconds shown by a countdown such as `44:58` or `1:02:07`. */
export function seconds(text) {
  const parts = (/(\d+:)?\d+:\d\d/.exec(text ?? '')?.[0] ?? '').split(':').map(Number)
  return parts.reduce((sum, part) => sum * 60 + part, 0)
}
