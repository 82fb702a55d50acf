// A kiosk's page in Chromium, and the moments at which what it shows has changed.

import { openPage, seconds } from '../../admin-web/console/e2e/demo.mjs'

/** Runs in the page: tells of each change of the countdown that is no tick, and of each new face. */
function observe() {
  const time = document.getElementById('time')
  const shown = () => (time.textContent.match(/\d+/g) ?? []).reduce((sum, part) => sum * 60 + Number(part), 0)
  const face = () => document.querySelector('main > section:not([hidden])')?.id
  let [left, last] = [shown(), face()]
  const look = () => {
    const [nowLeft, nowFace] = [shown(), face()]
    if (nowFace !== last) window.changed(`face ${nowFace}`)
    else if (Math.abs(nowLeft - left) > 20) window.changed('time')
    ;[left, last] = [nowLeft, nowFace]
  }
  const all = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['hidden'] }
  new MutationObserver(look).observe(document.querySelector('main'), all)
}

export class Screen {
  static async open(chrome, address) {
    const screen = new Screen()
    screen.address = address
    screen.waiting = []
    screen.context = await chrome.newContext({ locale: 'fr-FR' })
    await screen.context.exposeBinding('changed', (_, what) => {
      const now = performance.now()
      screen.waiting = screen.waiting.filter((one) => {
        if (one.what !== what) return true
        one.done(now)
        return false
      })
    })
    const { page } = await openPage(screen.context, address)
    screen.page = page
    await page.waitForSelector('main > section:not([hidden]):not(#waiting)')
    await page.evaluate(observe)
    return screen
  }

  /** When the page has changed so: the moment at which this process was told. */
  change(what, deadlineMs = 20_000) {
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`the page never showed: ${what}`)), deadlineMs)
      this.waiting.push({ what, done: (at) => { clearTimeout(late); done(at) } })
    })
  }

  async left() {
    return seconds(await this.page.locator('#time').innerText())
  }

  async close() {
    await this.context.close()
  }
}
