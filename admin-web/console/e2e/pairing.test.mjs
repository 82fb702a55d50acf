// A new machine is let in at the console: its screen and the page show the same six digits, somebody
// compares them, names it, and it stands in the room.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { check } from './axe.mjs'
import { BINARY, Demo, browser, openPage, signIn, until } from './demo.mjs'

const PORTS = 18_300
const NAME = 'Poste de l’accueil'

let demo, chrome
const machines = []

before(async () => {
  ;[demo, chrome] = await Promise.all([Demo.start(PORTS), browser()])
})
after(async () => {
  for (const machine of machines) machine.kill('SIGKILL')
  await chrome?.close()
  await demo?.stop()
})

/** A machine that asks to be let in at `admin`, and what it says. */
function ask(name, admin) {
  const folder = join(demo.folder, name)
  mkdirSync(folder)
  const config = join(folder, 'poste.toml')
  const port = PORTS + 80 + 5 * machines.length
  writeFileSync(config, [
    `data_dir = ${JSON.stringify(join(folder, 'data'))}`, 'kind = "kiosk"', `listen = "127.0.0.1:${port}"`,
    '[discovery]', 'interfaces = []', '[kiosk]', `machine = "${name}"`, `page = "127.0.0.1:${port + 1}"`,
    '[ops]', 'enabled = false', '',
  ].join('\n'))
  const door = /^listen = "([^"]+)"/m.exec(readFileSync(demo.config(admin), 'utf8'))[1]
  const machine = spawn(BINARY, ['--config', config, 'join', '--pair', door], { env: { ...process.env, LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] })
  machines.push(machine)
  machine.said = ''
  for (const stream of [machine.stdout, machine.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text) => (machine.said += text))
  }
  return machine
}

const digitsOf = (machine) => until('six digits', () => /^\s*(\d{3} \d{3})\s*$/m.exec(machine.said)?.[1])

test('a machine is let in by its digits, and another is turned away', { timeout: 120_000 }, async () => {
  const context = await chrome.newContext({ locale: 'fr-FR', reducedMotion: 'reduce', viewport: { width: 1280, height: 900 } })
  const home = demo.node('admin-1').page
  const { page, faults } = await openPage(context, home)
  await page.waitForSelector('input[name=username]')
  await signIn(page, demo.login)
  await page.goto(new URL('cluster', home).href)

  const stranger = ask('inconnu', 'admin-1')
  const theirs = await digitsOf(stranger)
  const card = (digits) => page.locator('form.pairing', { hasText: digits })
  await card(theirs).getByRole('button', { name: 'Refuser' }).click()
  await until('the stranger to be told', () => stranger.exitCode)
  assert.equal(stranger.exitCode, 1, stranger.said)

  const machine = ask('accueil', 'admin-1')
  const digits = await digitsOf(machine)
  await card(digits).waitFor()
  await check(page, 'pairing')
  await card(digits).locator('input[type=text]').fill(NAME)
  await card(digits).locator('button[type=submit]').click()
  await until('the machine to be let in', () => machine.exitCode !== null)
  assert.equal(machine.exitCode, 0, machine.said)
  await until('the card to go', async () => (await page.locator('form.pairing').count()) === 0)

  await page.goto(home)
  await page.locator('.tile', { hasText: NAME }).waitFor()
  assert.deepEqual(faults, [])
  await context.close()
})
