import type { LiveMessage } from '../api/shapes'

/** Silence after which a socket is given up and a new one is tried, in milliseconds. */
export const WATCHDOG_MS = 6_000
/** The page gives a sign of life at least this often while messages arrive, in milliseconds. */
export const SIGN_OF_LIFE_MS = 8_000
const BACKOFF_FIRST_MS = 400
const BACKOFF_LAST_MS = 8_000

/** The part of a browser's `WebSocket` that is used here. */
export interface Socket {
  readonly readyState: number
  send(text: string): void
  close(): void
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
}

/** What the stream tells. */
export interface Listener {
  message(message: LiveMessage): void
  /** A socket closed without ever having spoken: the login may have ended. */
  refused(): void
}

/** What the stream takes from its surroundings; tests bring their own. */
export interface Surroundings {
  open(): Socket
  now(): number
  later(run: () => void, ms: number): number
  cancel(timer: number): void
  /** Between 0 and 1: spreads the reconnections of many pages. */
  random(): number
  /** Whether the operator touched anything since the last question. */
  active(): boolean
}

/** Wait before the given attempt (0 is the first after a loss), in milliseconds. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10))
  return full / 2 + (full / 2) * random
}

/**
 * The live stream: one WebSocket at a time, watched, reopened for as long as it is started.
 *
 * Signs of life are sent when messages arrive, not by a timer: browsers slow the timers of hidden
 * tabs down to one a minute, but not their messages.
 */
export class LiveStream {
  private socket: Socket | undefined
  private timer: number | undefined
  private attempt = 0
  private spoke = false
  private signedAt = 0
  private started = false
  private readonly listener: Listener
  private readonly around: Surroundings

  constructor(listener: Listener, around: Surroundings) {
    this.listener = listener
    this.around = around
  }

  start(): void {
    if (this.started) return
    this.started = true
    this.attempt = 0
    this.connect()
  }

  stop(): void {
    this.started = false
    this.drop()
  }

  /** Tries again at once, if nothing is open: the network has come back, or the tab is seen again. */
  hurry(): void {
    if (!this.started || this.socket !== undefined) return
    this.attempt = 0
    this.disarm()
    this.connect()
  }

  private connect(): void {
    this.drop()
    const socket = this.around.open()
    this.socket = socket
    this.spoke = false
    socket.onopen = () => this.arm(() => this.lost(socket), WATCHDOG_MS)
    socket.onmessage = (event) => this.heard(socket, event)
    socket.onclose = () => this.lost(socket)
    this.arm(() => this.lost(socket), WATCHDOG_MS)
  }

  private heard(socket: Socket, event: MessageEvent): void {
    if (socket !== this.socket) return
    this.arm(() => this.lost(socket), WATCHDOG_MS)
    const message = readMessage(event.data)
    if (message === undefined) return
    if (!this.spoke) {
      this.spoke = true
      this.attempt = 0
      this.signedAt = this.around.now()
    }
    this.listener.message(message)
    if (this.around.now() - this.signedAt >= SIGN_OF_LIFE_MS && socket.readyState === 1) {
      this.signedAt = this.around.now()
      socket.send(JSON.stringify({ type: 'heartbeat', active: this.around.active() }))
    }
  }

  private lost(socket: Socket): void {
    if (socket !== this.socket) return
    const spoke = this.spoke
    this.drop()
    if (!this.started) return
    if (!spoke) this.listener.refused()
    if (!this.started) return
    this.arm(() => this.connect(), backoff(this.attempt, this.around.random()))
    this.attempt += 1
  }

  private drop(): void {
    this.disarm()
    const socket = this.socket
    this.socket = undefined
    if (socket === undefined) return
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  private arm(run: () => void, ms: number): void {
    this.disarm()
    this.timer = this.around.later(run, ms)
  }

  private disarm(): void {
    if (this.timer !== undefined) this.around.cancel(this.timer)
    this.timer = undefined
  }
}

const KINDS = new Set(['snapshot', 'update', 'heartbeat', 'signed_out'])

/** Reads one message; undefined for anything that is not one (a later server may say more). */
export function readMessage(data: unknown): LiveMessage | undefined {
  if (typeof data !== 'string') return undefined
  try {
    const value: unknown = JSON.parse(data)
    if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
    return typeof value.type === 'string' && KINDS.has(value.type) ? (value as LiveMessage) : undefined
  } catch {
    return undefined
  }
}
