import { describe, expect, it } from 'vitest'

import { remainingAt, SiteClock } from '../src/live/clock'
import { freshnessOf } from '../src/live/freshness'

describe('the site clock', () => {
  it('knows nothing before the first message', () => {
    expect(new SiteClock(() => 5).now()).toBeUndefined()
  })

  it('carries site time on the monotonic clock, whatever the wall clock says', () => {
    let mono = 100
    const clock = new SiteClock(() => mono)
    clock.heard(1_000_000)
    mono += 1_500
    expect(clock.now()).toBe(1_001_500)
  })

  it('is not thrown back by a message that was slow', () => {
    let mono = 0
    const clock = new SiteClock(() => mono)
    clock.heard(1_000_000)
    mono = 2_000
    clock.heard(1_001_200) // 800 ms on the way
    expect(clock.now()).toBe(1_002_000)
  })

  it('follows a site time that was set back once all old messages are forgotten', () => {
    let mono = 0
    const clock = new SiteClock(() => mono)
    clock.heard(1_000_000)
    for (let i = 1; i <= SiteClock.SAMPLES; i += 1) {
      mono = i * 1_000
      clock.heard(500_000 + mono)
    }
    expect(clock.now()).toBe(500_000 + mono)
  })

  it('starts anew with another node', () => {
    const clock = new SiteClock(() => 0)
    clock.heard(1_000_000)
    clock.reset()
    clock.heard(900_000)
    expect(clock.now()).toBe(900_000)
  })
})

describe('time left', () => {
  const running = { remaining_ms: 60_000, at_ms: 1_000, running: true }

  it('runs down while the session runs', () => {
    expect(remainingAt(running, 11_000)).toBe(50_000)
  })
  it('stands still while it does not', () => {
    expect(remainingAt({ ...running, running: false }, 11_000)).toBe(60_000)
  })
  it('is never negative', () => {
    expect(remainingAt(running, 10_000_000)).toBe(0)
  })
  it('is never more than was stated, even if the clock is behind', () => {
    expect(remainingAt(running, 0)).toBe(60_000)
  })
})

describe('freshness', () => {
  it('is amber after 5 s of silence and offline after 15 s', () => {
    expect(freshnessOf(4_999, 0)).toBe('fresh')
    expect(freshnessOf(5_000, 0)).toBe('stale')
    expect(freshnessOf(14_999, 0)).toBe('stale')
    expect(freshnessOf(15_000, 0)).toBe('offline')
  })
  it('is offline too when a server never spoke', () => {
    expect(freshnessOf(undefined, 1_000)).toBe('waiting')
    expect(freshnessOf(undefined, 15_000)).toBe('offline')
  })
})
