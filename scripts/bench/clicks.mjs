// From an operator's request to the answer, and to the kiosk's screen.

import { Demo, browser, until } from '../../admin-web/console/e2e/demo.mjs'
import { pause, tries } from './figures.mjs'
import { Operator, tellKiosk } from './requests.mjs'
import { Screen } from './screen.mjs'

const KIOSKS = ['poste-1', 'poste-2', 'poste-3']
const WARM_UP = 20

/** Tries in turn, at uneven distances so that no timer of the nodes is met always at the same point. */
async function series(count, one) {
  const values = []
  for (let n = -WARM_UP; n < count; n += 1) {
    await pause(20 + Math.random() * 130)
    const value = await one(n)
    if (n >= 0) values.push(value)
  }
  return values
}

export async function clicks({ count, ports }) {
  const [demo, chrome] = await Promise.all([Demo.start(ports), browser()])
  const rows = []
  try {
    const operator = await Operator.signIn(demo.node('admin-1').page, demo.login)
    const codes = await operator.issueMany(count + WARM_UP, 3600)
    const { session, code } = await operator.issue(12 * 3600)
    const kiosk = demo.node('poste-1').page
    await tellKiosk(kiosk, '/open', { code })
    const extend = (n) => operator.post(`sessions/${session}/extend`, { seconds: n % 2 ? 60 : -60 })

    const alone = await series(count, async (n) => {
      const began = performance.now()
      await extend(n)
      return performance.now() - began
    })
    rows.push(tries(
      'Extend: request → accepted', 'POST until the whole answer is there, which leaves once it is durable; no page open', alone, 'ms',
    ))

    const screen = await Screen.open(chrome, kiosk)
    const changed = await series(count, async (n) => {
      const shown = screen.change('time')
      const began = performance.now()
      const [at] = await Promise.all([shown, extend(n)])
      return at - began
    })
    rows.unshift(tries(
      'Extend: request → kiosk page changed', 'POST until a MutationObserver in Chromium has told this process', changed, 'ms', { median: 10, p99: 50 },
    ))
    await screen.close()
    await tellKiosk(kiosk, '/finish')

    rows.push(await unlocking(demo, chrome, codes, count))
    return rows
  } finally {
    await chrome.close()
    await demo.stop()
  }
}

/** Both admin nodes are killed; the kiosks take turns. */
async function unlocking(demo, chrome, codes, count) {
  // A kiosk knows a code once it holds its entry.
  const whole = demo.status('admin-1').fingerprint
  await until('the kiosks to know the codes', () => {
    const now = demo.status('admin-1').fingerprint
    return KIOSKS.every((name) => demo.status(name).fingerprint === now)
  }).catch(() => { throw new Error(`the kiosks do not reach ${whole}`) })
  for (const name of ['admin-1', 'admin-2']) await demo.kill(name)
  const screens = []
  for (const name of KIOSKS) screens.push(await Screen.open(chrome, demo.node(name).page))
  const values = await series(count, async (n) => {
    const screen = screens[(n + WARM_UP) % screens.length]
    const { code } = codes[n + WARM_UP]
    const shown = screen.change('face running')
    const began = performance.now()
    const [at] = await Promise.all([shown, tellKiosk(screen.address, '/open', { code })])
    const over = screen.change('face ended')
    await Promise.all([over, tellKiosk(screen.address, '/finish')])
    return at - began
  })
  for (const screen of screens) await screen.close()
  return tries(
    'Code typed → unlocked, admin nodes dead', 'POST of the typed code until a MutationObserver has told; both admin nodes were killed', values, 'ms', { median: 150, p99: 150 },
  )
}
