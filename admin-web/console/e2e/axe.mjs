// What axe finds on a page: nothing, or the test says what.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export async function check(page, what) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const said = violations.map((one) => `${what}: ${one.id} ${one.nodes.map((node) => node.target).join(' ')}`)
  assert.deepEqual(said, [])
}
