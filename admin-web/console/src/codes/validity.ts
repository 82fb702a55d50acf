/** How long a new code opens. */
export type Validity = 'today' | '4h' | '24h' | '7d' | '30d'

/** In the order offered. */
export const VALIDITIES: readonly Validity[] = ['today', '4h', '24h', '7d', '30d']

const HOUR_S = 3600
/** A code of the last minutes of a day would be over before it is typed. */
const LEAST_S = 15 * 60

/** Seconds from site time `now` on; « jusqu'à ce soir » ends at this place's midnight. */
export function validitySeconds(validity: Validity, now: number): number {
  switch (validity) {
    case '4h':
      return 4 * HOUR_S
    case '24h':
      return 24 * HOUR_S
    case '7d':
      return 7 * 24 * HOUR_S
    case '30d':
      return 30 * 24 * HOUR_S
    case 'today': {
      const midnight = new Date(now)
      midnight.setHours(24, 0, 0, 0)
      return Math.max(LEAST_S, Math.floor((midnight.getTime() - now) / 1000))
    }
  }
}

/** Whether such a code has 12 characters instead of 8. */
export function isLong(seconds: number): boolean {
  return seconds > 24 * HOUR_S
}
