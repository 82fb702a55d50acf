import { beforeEach, describe, expect, it } from 'vitest'

import { backoff, LiveStream, readMessage, type Socket, WATCHDOG_MS } from '../src/live/stream'
import { stamp } from './shapes'

class FakeSocket implements Socket {
  readyState = 1
  sent: string[] = []
  closed = false
  onopen: ((event: Event) => void) | null = null
  onmessage: ((event: MessageEvent) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  send(text: string): void {
    this.sent.push(text)
  }
  close(): void {
    this.closed = true
  }
  speak(message: unknown): void {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(message) }))
  }
}

/** A world in which time passes when it is told to. */
class World {
  time = 0
  sockets: FakeSocket[] = []
  timers = new Map<number, { run: () => void; due: number }>()
  private next = 1
  open = () => {
    const socket = new FakeSocket()
    this.sockets.push(socket)
    return socket
  }
  now = () => this.time
  later = (run: () => void, ms: number) => {
    this.timers.set(this.next, { run, due: this.time + ms })
    return this.next++
  }
  cancel = (timer: number) => void this.timers.delete(timer)
  random = () => 1
  active = () => true
  get socket(): FakeSocket {
    return this.sockets[this.sockets.length - 1]!
  }
  pass(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.due <= end).sort((a, b) => a[1].due - b[1].due)[0]
      if (due === undefined) break
      this.timers.delete(due[0])
      this.time = due[1].due
      due[1].run()
    }
    this.time = end
  }
}

const heartbeat = { type: 'heartbeat', ...stamp }
let world: World
let heard: string[]
let refusals: number
let stream: LiveStream

beforeEach(() => {
  world = new World()
  heard = []
  refusals = 0
  stream = new LiveStream({ message: (m) => heard.push(m.type), refused: () => (refusals += 1) }, world)
  stream.start()
})

describe('the live stream', () => {
  it('passes on what it hears', () => {
    world.socket.speak(heartbeat)
    expect(heard).toEqual(['heartbeat'])
  })

  it('gives a silent socket up and opens another one', () => {
    world.socket.speak(heartbeat)
    world.pass(WATCHDOG_MS - 1)
    expect(world.sockets).toHaveLength(1)
    world.pass(1_000)
    expect(world.sockets[0]?.closed).toBe(true)
    expect(world.sockets).toHaveLength(2)
    expect(refusals).toBe(0)
  })

  it('asks whether the login has ended when a socket never spoke', () => {
    world.socket.onclose?.(new CloseEvent('close'))
    expect(refusals).toBe(1)
  })

  it('waits longer after each failure, and starts short again after a success', () => {
    for (let n = 0; n < 4; n += 1) {
      const before = world.sockets.length
      world.socket.onclose?.(new CloseEvent('close'))
      world.pass(backoff(n, 1) - 1)
      expect(world.sockets).toHaveLength(before)
      world.pass(1)
      expect(world.sockets).toHaveLength(before + 1)
    }
    world.socket.speak(heartbeat)
    world.socket.onclose?.(new CloseEvent('close'))
    const before = world.sockets.length
    world.pass(backoff(0, 1))
    expect(world.sockets).toHaveLength(before + 1)
  })

  it('gives signs of life when messages arrive, not by a timer', () => {
    for (let n = 0; n < 10; n += 1) {
      world.socket.speak(heartbeat)
      world.pass(2_000)
    }
    expect(world.socket.sent.map((text) => JSON.parse(text))).toEqual([
      { type: 'heartbeat', active: true },
      { type: 'heartbeat', active: true },
    ])
  })

  it('does not hear a socket that it has given up', () => {
    const old = world.socket
    const late = old.onmessage
    world.pass(WATCHDOG_MS + 10_000)
    late?.(new MessageEvent('message', { data: JSON.stringify(heartbeat) }))
    expect(heard).toEqual([])
  })

  it('is over when stopped', () => {
    stream.stop()
    world.pass(60_000)
    expect(world.sockets).toHaveLength(1)
    expect(world.socket.closed).toBe(true)
  })

  it('tries at once when hurried, and only if nothing is open', () => {
    stream.hurry()
    expect(world.sockets).toHaveLength(1)
    world.socket.onclose?.(new CloseEvent('close'))
    stream.hurry()
    expect(world.sockets).toHaveLength(2)
  })

  it('ignores what is not a message', () => {
    for (const data of ['', '{', '[]', 'null', '{"type":"later"}', '{"type":7}', new ArrayBuffer(2)]) {
      expect(readMessage(data)).toBeUndefined()
    }
  })
})
