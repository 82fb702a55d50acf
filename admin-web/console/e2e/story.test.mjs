// The main job, on real processes, both pages in Chromium: a code issued in the console opens a
// kiosk, the admin host is killed, the countdown goes on, time is added from the second admin node,
// the kiosk's process is killed and nobody notices, the admin host comes back, and every node shows
// the same truth.

import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { Demo, browser, openPage, seconds, signIn, until } from './demo.mjs'

let demo, chrome

before(async () => {
  ;[demo, chrome] = await Promise.all([Demo.start(18_100), browser()])
})
after(async () => {
  await chrome?.close()
  await demo?.stop()
})

/** Keeps a picture of what was on the pages when a test failed. */
async function pictured(pages, story) {
  try {
    await story()
  } catch (error) {
    for (const [name, page] of Object.entries(pages)) {
      await page.screenshot({ path: join(tmpdir(), `poste-e2e-${name}.png`) }).catch(() => {})
    }
    throw error
  }
}

test('a session outlives its admin host and its own process', { timeout: 240_000 }, async () => {
  const context = await chrome.newContext({ locale: 'fr-FR', timezoneId: 'Indian/Reunion' })
  const console1 = await openPage(context, demo.node('admin-1').page)
  await signIn(console1.page, demo.login)
  const kiosk = await openPage(context, demo.node('poste-1').page)
  await pictured({ console: console1.page, kiosk: kiosk.page }, () => tell(console1, kiosk))
})

async function tell(console1, kiosk) {
  // A code is issued at the desk.
  await console1.page.goto(new URL('/codes', demo.node('admin-1').page).href)
  await console1.page.locator('form').getByRole('button', { name: /Émettre|Créer|Délivrer/ }).first().click()
  const code = await until('a code to be shown', async () => {
    const text = await console1.page.locator('main').innerText()
    return /\b[0-9A-Z]{4}-[0-9A-Z]{4}\b/.exec(text)?.[0]
  })

  // It opens a kiosk.
  await kiosk.page.fill('#code', ` ${code.toLowerCase().replace('-', ' ')} `)
  await kiosk.page.click('#enter')
  await kiosk.page.waitForSelector('#running:not([hidden])')
  const left = async () => seconds(await kiosk.page.locator('#time').innerText())
  const granted = await left()
  assert.ok(granted > 60, `${granted} s`)
  await console1.page.goto(demo.node('admin-1').page)
  const tile = console1.page.locator('.tile', { hasText: 'Baobab' })
  await until('the tile to run', async () => /En cours/.test(await tile.innerText()))

  // The admin host dies; the countdown goes on.
  await demo.kill('admin-1')
  const atDeath = await left()
  await until('the countdown to go on', async () => (await left()) < atDeath - 3)
  const banner = console1.page.locator('.failover')
  await banner.waitFor({ timeout: 30_000 })

  // The page goes on at the other admin node.
  await banner.getByRole('button', { name: /127\.0\.0\.2/ }).click()
  await console1.page.waitForURL(/127\.0\.0\.2/)
  // The login went along, by a ticket that the first node signed while it lived.
  await console1.page.waitForSelector('.tile')

  // Time is added from there, and the kiosk says so itself.
  const before = await left()
  await tile.locator('.tile-extend').click()
  await until('fifteen minutes more on the kiosk', async () => (await left()) > before + 880)
  await tile.locator('.tile-main').click()
  const track = console1.page.locator('.asked .track').first()
  await until('the confirmation of the kiosk', async () => /Confirmé par le poste/.test(await track.innerText()))
  await console1.page.keyboard.press('Escape')

  // The kiosk's process is killed; nobody notices.
  const extended = await left()
  const dead = await demo.kill('poste-1')
  await until('the kiosk to run again', () => demo.node('poste-1').pid !== dead)
  await until('the kiosk to count on', async () => {
    const now = await left()
    return (await kiosk.page.locator('#running').isVisible()) && now < extended - 8 && now > extended - 40
  }, 40_000)
  assert.equal(await kiosk.page.locator('#locked').isVisible(), false)

  // The admin host comes back, and every node shows the same truth.
  demo.revive()
  await until('admin-1 to run again', () => demo.status('admin-1').joined)
  const names = ['admin-1', 'admin-2', 'poste-1', 'poste-2', 'poste-3']
  await console1.page.locator('.tile', { hasText: 'Baobab' }).locator('.tile-main').click()
  await console1.page.getByRole('button', { name: 'Fermer la session' }).click()
  await console1.page.locator('.button-danger-full').click()
  await until('the kiosk to be closed', async () => !(await kiosk.page.locator('#running').isVisible()))
  await until('one fingerprint on all nodes', () => {
    const prints = new Set(names.map((name) => demo.status(name).fingerprint))
    return prints.size === 1
  }, 60_000)
  assert.deepEqual(console1.faults, [])
  assert.deepEqual(kiosk.faults, [])
}

test('wrong and used-up codes are refused clearly, in two languages, and tries are slowed', { timeout: 120_000 }, async () => {
  const context = await chrome.newContext({ locale: 'fr-FR' })
  const { page, faults } = await openPage(context, demo.node('poste-3').page)
  const refusal = async (code) => {
    await page.fill('#code', code)
    await page.click('#enter')
    return until('a refusal', async () => (await page.locator('#refusal').innerText()).trim())
  }
  assert.match(await refusal('ZZZZ-ZZZZ'), /pas connu/)
  await page.click('#language')
  assert.match(await refusal('ZZZZ-ZZZY'), /not known/)
  for (const code of ['1', 'ABCDEFGH', 'ZZZZ-ZZZX']) await refusal(code)
  const told = await until('the wait to be told', async () => {
    const text = await page.locator('#refusal').innerText()
    return /Too many tries/.test(text) && text
  })
  assert.match(told, /not known.*Wait 2 seconds/s)
  assert.equal(await page.locator('#enter').isDisabled(), true)
  await until('the next try to be allowed', () => page.locator('#enter').isEnabled())
  assert.deepEqual(faults, [])
})
