import { shallowReactive } from 'vue'

import type {
  AdminView,
  DeliveryView,
  LiveMessage,
  LiveSnapshot,
  LiveTile,
  LiveUpdate,
  OperatorView,
  RoomView,
  SessionView,
} from '../api/shapes'

/** Deliveries remembered at most; the oldest go first. */
export const MOST_DELIVERIES = 400

/** What the server last said of the site. Each tile is watched by itself: a change draws one tile. */
export interface Floor {
  /** Whether a snapshot stands; updates before one are not understood. */
  known: boolean
  siteName: string
  node: string
  asOfMs: number
  behindMs: number
  /** Proposed for a new code. */
  defaultSeconds: number
  operator: OperatorView | undefined
  rooms: readonly RoomView[]
  admins: readonly AdminView[]
  readonly tiles: Map<string, LiveTile>
  readonly codes: Map<string, SessionView>
  /** By entry, newest last. */
  readonly deliveries: Map<string, DeliveryView>
}

/** A floor of which nothing is known yet. */
export function emptyFloor(): Floor {
  return shallowReactive({
    known: false,
    siteName: '',
    node: '',
    asOfMs: 0,
    behindMs: 0,
    defaultSeconds: 3600,
    operator: undefined,
    rooms: [],
    admins: [],
    tiles: shallowReactive(new Map<string, LiveTile>()),
    codes: shallowReactive(new Map<string, SessionView>()),
    deliveries: shallowReactive(new Map<string, DeliveryView>()),
  })
}

/** Takes one message of the live stream in. */
export function takeIn(floor: Floor, message: LiveMessage): void {
  switch (message.type) {
    case 'snapshot':
      replaceBy(floor, message)
      break
    case 'update':
      if (!floor.known) return
      update(floor, message)
      break
    case 'heartbeat':
    case 'signed_out':
      break
  }
  floor.node = message.node
  floor.asOfMs = message.as_of_ms
  floor.behindMs = message.behind_ms
}

/** A snapshot replaces everything: what it does not name is gone (merging would leave ghosts). */
function replaceBy(floor: Floor, snapshot: LiveSnapshot): void {
  floor.known = true
  floor.siteName = snapshot.site_name
  floor.defaultSeconds = snapshot.default_seconds
  floor.operator = snapshot.operator
  floor.rooms = snapshot.rooms
  floor.admins = snapshot.admins
  replaceAll(floor.tiles, snapshot.tiles, (tile) => tile.kiosk)
  replaceAll(floor.codes, snapshot.codes, (code) => code.id)
  replaceAll(floor.deliveries, [...snapshot.deliveries].reverse(), (delivery) => delivery.entry)
}

function update(floor: Floor, changes: LiveUpdate): void {
  if (changes.rooms) floor.rooms = changes.rooms
  if (changes.admins) floor.admins = changes.admins
  for (const tile of changes.tiles) floor.tiles.set(tile.kiosk, tile)
  for (const kiosk of changes.tiles_gone) floor.tiles.delete(kiosk)
  for (const code of changes.codes) floor.codes.set(code.id, code)
  for (const session of changes.codes_gone) floor.codes.delete(session)
  for (const delivery of changes.deliveries) floor.deliveries.set(delivery.entry, delivery)
  for (const entry of floor.deliveries.keys()) {
    if (floor.deliveries.size <= MOST_DELIVERIES) break
    floor.deliveries.delete(entry)
  }
}

function replaceAll<V>(map: Map<string, V>, values: readonly V[], key: (value: V) => string): void {
  const present = new Set(values.map(key))
  for (const old of [...map.keys()]) if (!present.has(old)) map.delete(old)
  for (const value of values) map.set(key(value), value)
}
