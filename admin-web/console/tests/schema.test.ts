import { readFileSync } from 'node:fs'

import openapiTS, { astToString } from 'openapi-typescript'
import { expect, it } from 'vitest'

// @vitest-environment node

it('has the client’s types as `npm run api` makes them from the server’s document', async () => {
  const made = astToString(await openapiTS(new URL('../../openapi.json', import.meta.url)))
  const same = readFileSync('src/api/schema.d.ts', 'utf8').endsWith(made)
  expect(same, 'src/api/schema.d.ts is old: run `npm run api`').toBe(true)
})
