// One node of a demonstration's folder, started by itself.

import { spawn } from 'node:child_process'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { moment } from './figures.mjs'
import { metric, status } from './requests.mjs'

export class Member {
  constructor(folder, name) {
    this.folder = join(folder, name)
    this.config = join(this.folder, 'poste.toml')
    this.data = join(this.folder, 'data')
    const text = readFileSync(this.config, 'utf8')
    this.ops = /^\[ops\][^[]*^listen = "([^"]+)"/m.exec(text)[1]
    this.link = Number(/^listen = "[^"]+:(\d+)"/m.exec(text)[1])
  }

  start() {
    this.process = spawn(process.env.POSTE_BINARY, ['--config', this.config, 'run', '--with-parent'], { stdio: ['pipe', 'ignore', 'ignore'] })
  }

  async stop() {
    const ended = new Promise((done) => this.process.once('exit', done))
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM')
      await ended
    }
  }

  entries() {
    return metric(this.ops, 'ledger_entries')
  }

  links() {
    return metric(this.ops, 'links_admin')
  }

  async fingerprint() {
    return (await status(this.data)).fingerprint
  }

  /** The name of the checkpoint that its ledger stands on, if any. */
  async checkpoint() {
    return (await status(this.data)).checkpoint?.checkpoint ?? null
  }

  /** Waits until it has folded its ledger. */
  async ready() {
    await moment(`${this.config} to answer`, 50, 120_000, async () => (await this.entries()) > 0)
  }

  /** Keeps what the node has now. */
  keep() {
    cpSync(this.data, `${this.data}.kept`, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  }

  /** Makes the node what it was when it was kept. */
  restore() {
    rmSync(this.data, { recursive: true, force: true })
    cpSync(`${this.data}.kept`, this.data, { recursive: true })
  }

  /** Takes its ledger away, as a new disk does. */
  forget() {
    for (const name of ['store', 'store.lock']) rmSync(join(this.data, name), { recursive: true, force: true })
  }
}
