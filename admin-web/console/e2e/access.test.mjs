// Every page and state that people meet, as axe sees it: no violation, light and dark, nothing asked
// of third parties and no policy refused.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { check } from './axe.mjs'
import { Demo, browser, openPage, signIn, until } from './demo.mjs'

let demo, chrome

before(async () => {
  ;[demo, chrome] = await Promise.all([Demo.start(18_200), browser()])
})
after(async () => {
  await chrome?.close()
  await demo?.stop()
})

for (const colorScheme of ['light', 'dark']) {
  test(`the console has no fault that axe finds (${colorScheme})`, { timeout: 120_000 }, async () => {
    const context = await chrome.newContext({ locale: 'fr-FR', colorScheme, reducedMotion: 'reduce' })
    const home = demo.node('admin-2').page
    const { page, faults } = await openPage(context, home)
    await page.waitForSelector('input[name=username]')
    await check(page, 'login')
    await signIn(page, demo.login)
    await check(page, 'floor')
    await page.locator('.tile-main').first().click()
    await page.waitForSelector('dialog[open]')
    await check(page, 'panel')
    for (const path of ['codes', 'cluster', 'nowhere']) {
      await page.goto(new URL(path, home).href)
      await until(`${path} to be there`, () => page.locator('h1, h2').first().isVisible())
      await check(page, path)
    }
    assert.deepEqual(faults, [])
    await context.close()
  })
}

test('the kiosk page has no fault that axe finds', { timeout: 120_000 }, async () => {
  const context = await chrome.newContext({ locale: 'fr-FR', reducedMotion: 'reduce' })
  const { page, faults } = await openPage(context, demo.node('poste-2').page)
  await page.waitForSelector('#locked:not([hidden])')
  await check(page, 'locked')
  await page.click('#contrast')
  await check(page, 'locked, contrast')
  await page.fill('#code', 'ZZZZ-ZZZZ')
  await page.click('#enter')
  await until('a refusal', async () => (await page.locator('#refusal').innerText()).trim())
  await check(page, 'refused')
  await page.fill('#code', demo.codes[0])
  await page.click('#enter')
  await page.waitForSelector('#running:not([hidden])')
  await check(page, 'running')
  await page.click('#finish')
  await page.waitForSelector('#leave[open]')
  await check(page, 'leaving')
  await page.click('#go')
  await page.waitForSelector('#ended:not([hidden])')
  await check(page, 'ended')
  await page.waitForSelector('#locked:not([hidden])', { timeout: 60_000 })
  assert.deepEqual(faults, [])
})
