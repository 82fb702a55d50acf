import { describe, expect, it } from 'vitest'

import { emptyFloor, MOST_DELIVERIES, takeIn } from '../src/live/floor'
import { delivery, session, snapshot, tile, update } from './shapes'

describe('the floor', () => {
  it('is replaced by a snapshot: no ghost stays', () => {
    const floor = emptyFloor()
    takeIn(floor, snapshot({ tiles: [tile('1'), tile('2')], codes: [session({ id: 'c1' })], deliveries: [delivery('r1', { is: 'accepted' })] }))
    takeIn(floor, snapshot({ tiles: [tile('2', { name: 'Accueil' })] }))
    expect([...floor.tiles.keys()]).toEqual(['2'])
    expect(floor.tiles.get('2')?.name).toBe('Accueil')
    expect(floor.codes.size).toBe(0)
    expect(floor.deliveries.size).toBe(0)
  })

  it('replaces a tile whole, so that a session that ended does not linger in it', () => {
    const floor = emptyFloor()
    takeIn(floor, snapshot({ tiles: [tile('1', { state: 'running', session: session() })] }))
    takeIn(floor, update({ tiles: [tile('1')] }))
    expect(floor.tiles.get('1')).toEqual(tile('1'))
  })

  it('leaves alone what an update does not name', () => {
    const floor = emptyFloor()
    takeIn(floor, snapshot({ tiles: [tile('1'), tile('2')], rooms: [{ id: 'r', name: 'Salle' }] }))
    takeIn(floor, update({ tiles_gone: ['1'] }))
    expect([...floor.tiles.keys()]).toEqual(['2'])
    expect(floor.rooms).toHaveLength(1)
  })

  it('does not listen to updates before a snapshot', () => {
    const floor = emptyFloor()
    takeIn(floor, update({ tiles: [tile('1')] }))
    expect(floor.known).toBe(false)
    expect(floor.tiles.size).toBe(0)
  })

  it('takes the stamp of every message, heartbeats too', () => {
    const floor = emptyFloor()
    takeIn(floor, { type: 'heartbeat', as_of_ms: 7, node: 'n', behind_ms: 3 })
    expect([floor.asOfMs, floor.node, floor.behindMs]).toEqual([7, 'n', 3])
  })

  it('forgets the oldest deliveries and does not grow without end', () => {
    const floor = emptyFloor()
    takeIn(floor, snapshot())
    for (let n = 0; n < MOST_DELIVERIES + 50; n += 1) {
      takeIn(floor, update({ deliveries: [delivery(`r${n}`, { is: 'accepted' })] }))
    }
    expect(floor.deliveries.size).toBe(MOST_DELIVERIES)
    expect(floor.deliveries.has('e:r0')).toBe(false)
    expect(floor.deliveries.has(`e:r${MOST_DELIVERIES + 49}`)).toBe(true)
  })
})
