import type { LiveTile } from '../api/shapes'
import { remainingAt } from '../live/clock'

/** Time left under which a session counts as about to end, in milliseconds. */
export const ENDING_UNDER_MS = 5 * 60_000

/** How a kiosk is shown: an icon, a word and a border go with each. */
export type Look = 'free' | 'running' | 'ending' | 'paused' | 'out_of_service' | 'unknown' | 'unreachable'

/** All looks, in the order of the filters. */
export const LOOKS: readonly Look[] = ['running', 'ending', 'paused', 'free', 'unreachable', 'out_of_service', 'unknown']

/** Whether nothing was ever heard of it. */
export function isUnheard(tile: LiveTile): boolean {
  return !tile.reachable && typeof tile.seen_ms !== 'number'
}

/** A kiosk out of reach keeps what it was doing: its session goes on there, and is shown so. */
export function lookOf(tile: LiveTile, now: number | undefined): Look {
  if (tile.state === 'running' && tile.session) {
    return remainingAt(tile.session, now) < ENDING_UNDER_MS ? 'ending' : 'running'
  }
  if (tile.state === 'free' && !tile.reachable) return isUnheard(tile) ? 'unknown' : 'unreachable'
  // A kiosk that says itself that no code opens there: nobody is to be sent to it.
  if (tile.state === 'free' && tile.alarms.some((alarm) => alarm.code === 'disk_failed')) return 'out_of_service'
  return tile.state
}

/** Whether a filter shows it: « Injoignable » also finds kiosks whose session goes on out of reach. */
export function isSeenBy(filter: Look, tile: LiveTile, now: number | undefined): boolean {
  if (filter === 'unreachable') return !tile.reachable && !isUnheard(tile)
  return lookOf(tile, now) === filter
}

/** Text without case and accents, to search in: « Élodie » is found by « elo ». */
export function searchable(words: string): string {
  return words
    .normalize('NFD')
    .replace(/\p{Diacritic}/gu, '')
    .toLowerCase()
}

/** Whether all words searched for are in the kiosk's name, its room's or its session's label. */
export function matches(tile: LiveTile, roomName: string, search: string): boolean {
  const hay = searchable(`${tile.name} ${roomName} ${tile.session?.label ?? ''}`)
  return searchable(search)
    .split(/\s+/)
    .every((word) => hay.includes(word))
}
