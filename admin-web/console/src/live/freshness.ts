/** How far the page may be trusted, by the time since the server was last heard. */
export type Freshness = 'waiting' | 'fresh' | 'stale' | 'offline'

/** Silence after which the page says how old its data is, in milliseconds (UX law 1). */
export const STALE_AFTER_MS = 5_000
/** Silence after which the page is read-only and offers another node, in milliseconds. */
export const OFFLINE_AFTER_MS = 15_000

/** `silenceMs` is undefined before the first message. */
export function freshnessOf(silenceMs: number | undefined, sinceStartMs: number): Freshness {
  if (silenceMs === undefined) return sinceStartMs >= OFFLINE_AFTER_MS ? 'offline' : 'waiting'
  if (silenceMs >= OFFLINE_AFTER_MS) return 'offline'
  if (silenceMs >= STALE_AFTER_MS) return 'stale'
  return 'fresh'
}
