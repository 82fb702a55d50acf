/**
 * Site time, carried on the browser's monotonic clock.
 *
 * Each message of the server says what time it is on the site (`as_of_ms`). The page never reads its
 * own wall clock: a wrong date on the desk's computer changes no countdown. Of the last few messages
 * the one that travelled fastest is believed, so that a slow message does not make figures stutter.
 */
export class SiteClock {
  static readonly SAMPLES = 8

  private offsets: number[] = []
  private readonly monotonic: () => number

  constructor(monotonic: () => number = () => performance.now()) {
    this.monotonic = monotonic
  }

  /** A message said `asOfMs` and has just arrived. */
  heard(asOfMs: number): void {
    this.offsets.push(asOfMs - this.monotonic())
    if (this.offsets.length > SiteClock.SAMPLES) this.offsets.shift()
  }

  /** Forgets what was heard: another node may carry another time. */
  reset(): void {
    this.offsets = []
  }

  /** Site time in milliseconds since 1970; undefined before the first message. */
  now(): number | undefined {
    if (this.offsets.length === 0) return undefined
    return Math.max(...this.offsets) + this.monotonic()
  }
}

/** What a countdown needs: the figures as they were at `at_ms`. */
export interface Counting {
  readonly remaining_ms: number
  readonly at_ms: number
  readonly running: boolean
}

/** Time left at the site time `now`, never below zero, never above what was stated. */
export function remainingAt(session: Counting, now: number | undefined): number {
  if (!session.running || now === undefined) return Math.max(0, session.remaining_ms)
  const passed = Math.max(0, now - session.at_ms)
  return Math.max(0, session.remaining_ms - passed)
}
