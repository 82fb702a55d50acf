import { describe, expect, it } from 'vitest'

import { isSeenBy, lookOf, matches } from '../src/floor/kioskLook'
import { byTimeLeft, keepOrder } from '../src/floor/order'
import { step } from '../src/floor/tileGrid'
import { consoleOrigin, otherConsoles, rememberConsoles, rememberedConsoles } from '../src/live/admins'
import { session, tile } from './shapes'

describe('how a kiosk looks', () => {
  const now = 1_000_000

  it('is about to end under five minutes', () => {
    expect(lookOf(tile('1', { state: 'running', session: session({ remaining_ms: 300_000 }) }), now)).toBe('running')
    expect(lookOf(tile('1', { state: 'running', session: session({ remaining_ms: 300_000 }) }), now + 1)).toBe('ending')
  })
  it('keeps showing a session that goes on out of reach, and is found as out of reach too', () => {
    const away = tile('1', { state: 'running', reachable: false, seen_ms: 5, session: session() })
    expect(lookOf(away, now)).toBe('running')
    expect(isSeenBy('unreachable', away, now)).toBe(true)
    expect(lookOf(tile('2', { reachable: false, seen_ms: 5 }), now)).toBe('unreachable')
    expect(lookOf(tile('3', { reachable: false }), now)).toBe('unknown')
    const failing = { alarms: [{ code: 'disk_failed', message_fr: '', message_en: '' }] }
    expect(lookOf(tile('4', failing), now)).toBe('out_of_service')
    expect(lookOf(tile('5', { ...failing, state: 'running', session: session({ remaining_ms: 400_000 }) }), now)).toBe('running')
  })
  it('is found without accents, by label and room', () => {
    const one = tile('3', { session: session({ label: 'Élodie P.' }) })
    expect(matches(one, 'Salle multimédia', 'elodie MULTIMEDIA')).toBe(true)
    expect(matches(one, 'Salle multimédia', 'jeunesse')).toBe(false)
    expect(matches(one, '', '')).toBe(true)
  })
})

describe('the order of tiles', () => {
  it('puts the least time first and those without a session last', () => {
    const tiles = [tile('free'), tile('long', { session: session({ remaining_ms: 9e5 }) }), tile('short', { session: session({ remaining_ms: 1e5 }) })]
    expect(byTimeLeft(tiles, 1_000_000)).toEqual(['short', 'long', 'free'])
  })
  it('moves nobody who stays: newcomers are last', () => {
    expect(keepOrder(['c', 'a', 'b'], ['a', 'c', 'z'])).toEqual(['c', 'a', 'z'])
  })
})

describe('arrows between tiles', () => {
  // Two rows of three, and a third with one.
  const boxes = [0, 1, 2, 3, 4, 5, 6].map((n) => ({ left: (n % 3) * 100, top: Math.floor(n / 3) * 50 }))

  it('go to the neighbour, and stay at the edges', () => {
    expect(step(boxes, 1, 'ArrowRight')).toBe(2)
    expect(step(boxes, 0, 'ArrowLeft')).toBe(0)
    expect(step(boxes, 6, 'ArrowRight')).toBe(6)
    expect(step(boxes, 1, 'ArrowDown')).toBe(4)
    expect(step(boxes, 5, 'ArrowUp')).toBe(2)
    expect(step(boxes, 0, 'ArrowUp')).toBe(0)
    expect(step(boxes, 5, 'ArrowDown')).toBe(6)
    expect([step(boxes, 3, 'Home'), step(boxes, 3, 'End')]).toEqual([0, 6])
    expect(step([], 0, 'End')).toBe(-1)
  })
})

describe('other consoles', () => {
  const here = 'http://127.0.0.1:8443'

  it('are those of other nodes, as origins', () => {
    const admins = [
      { node: 'a', pages: [here], here: true, linked: true },
      { node: 'b', pages: ['https://127.0.0.2:8443/page', 'javascript:alert(1)', 'nonsense'], here: false, linked: true },
    ]
    expect(otherConsoles(admins, here)).toEqual([{ node: 'b', page: 'https://127.0.0.2:8443' }])
  })
  it('are still known when the server is dead', () => {
    rememberConsoles([{ node: 'b', page: 'https://127.0.0.2:8443' }])
    expect(rememberedConsoles(here)).toEqual([{ node: 'b', page: 'https://127.0.0.2:8443' }])
  })
  it('are not taken from storage as they come', () => {
    localStorage.setItem('poste.admins', '[{"node":"b","page":"javascript:alert(1)"},null,7,{"page":"http://x"}]')
    expect(rememberedConsoles(here)).toEqual([])
    localStorage.setItem('poste.admins', '{')
    expect(rememberedConsoles(here)).toEqual([])
    expect(consoleOrigin('file:///etc/passwd')).toBeUndefined()
  })
})
