import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { CommandReply } from '../src/api/shapes'
import { type Answer, api } from '../src/api/client'
import { useCommands } from '../src/command/commands'
import { useLive } from '../src/live/live'
import { delivery, session, snapshot, stamp, tile, update } from './shapes'

const S = 's'.repeat(32)
const reply = (request: string): Answer<CommandReply> => ({
  kind: 'reply',
  reply: { ...stamp, request, deliveries: [delivery(request, { is: 'accepted' }, { session: S, kiosk: '1' })] },
})
const unanswered = { kind: 'unanswered' } as const

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  useLive().take(snapshot({ tiles: [tile('1', { state: 'running', session: session({ id: S }) })] }))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a command', () => {
  it('is tried again under the same request id when nobody answers', async () => {
    const asked: string[] = []
    vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => {
      asked.push(request)
      return asked.length < 3 ? unanswered : reply(request)
    })
    const commands = useCommands()
    const journey = commands.extend(S, 900, '1')
    await vi.runAllTimersAsync()
    expect(asked).toHaveLength(3)
    expect(new Set(asked)).toEqual(new Set([journey.request]))
    expect(commands.stateOf(journey).is).toBe('accepted')
  })

  it('is called lost, not failed, when nobody ever answers, and can be sent again as the same request', async () => {
    const extend = vi.spyOn(api, 'extend').mockResolvedValue(unanswered)
    const commands = useCommands()
    const journey = commands.extend(S, 900, '1')
    await vi.runAllTimersAsync()
    expect(commands.stateOf(journey).is).toBe('lost')
    const tries = extend.mock.calls.length
    extend.mockImplementation(async (_, { request }) => reply(request))
    commands.sendAgain(journey)
    await vi.runAllTimersAsync()
    expect(extend.mock.calls[tries]?.[1].request).toBe(journey.request)
    expect(commands.stateOf(journey).is).toBe('accepted')
  })

  it('follows the live stream from acceptance to the kiosk', async () => {
    vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => reply(request))
    const commands = useCommands()
    const journey = commands.extend(S, 900, '1')
    await vi.runAllTimersAsync()
    useLive().take(update({ deliveries: [delivery(journey.request, { is: 'confirmed', at_ms: 5, n: 3, m: 3 }, { kiosk: '1' })] }))
    expect(commands.stateOf(journey).is).toBe('confirmed')
    expect(commands.actions).toHaveLength(1)
  })

  it('says on its way beside what is observed, and does not touch the figure', async () => {
    vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => reply(request))
    const commands = useCommands()
    commands.extend(S, 900, '1')
    expect(commands.pendingSeconds(S)).toBe(900)
    expect(useLive().floor.tiles.get('1')?.session?.remaining_ms).toBe(600_000)
    await vi.runAllTimersAsync()
    expect(commands.pendingSeconds(S)).toBe(0)
  })

  it('that was refused stays in view with its reason', async () => {
    const problem = { ...stamp, error: 'out_of_bounds', message_fr: 'x', message_en: 'x' }
    vi.spyOn(api, 'extend').mockResolvedValue({ kind: 'problem', status: 422, problem })
    const commands = useCommands()
    const journey = commands.extend(S, 900, '1')
    await vi.runAllTimersAsync()
    expect(commands.stateOf(journey)).toEqual({ is: 'refused', problem })
    expect(commands.inView).toEqual([journey])
    expect(commands.canUndo(journey)).toBe(false)
  })
})

describe('undoing', () => {
  it('takes back what was given, once, as a request of its own', async () => {
    const extend = vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => reply(request))
    const commands = useCommands()
    const journey = commands.extend(S, 900, '1')
    await vi.runAllTimersAsync()
    commands.undo(journey)
    commands.undo(journey)
    await vi.runAllTimersAsync()
    expect(extend.mock.calls.map(([, body]) => body.seconds)).toEqual([900, -900])
    expect(extend.mock.calls[1]?.[1].request).not.toBe(journey.request)
  })

  it('is not offered for closing', async () => {
    vi.spyOn(api, 'close').mockImplementation(async (_, { request }) => reply(request))
    const commands = useCommands()
    expect(commands.canUndo(commands.close(S, false, '1'))).toBe(false)
  })
})

describe('commands of colleagues', () => {
  it('can be undone too where they gave time, once', async () => {
    const extend = vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => reply(request))
    useLive().take(update({ deliveries: [delivery('theirs', { is: 'accepted' }, { session: S, seconds: 600 })] }))
    const commands = useCommands()
    const theirs = commands.actions[0]!
    expect(commands.canUndo(theirs)).toBe(true)
    commands.undo(theirs)
    commands.undo(theirs)
    await vi.runAllTimersAsync()
    expect(extend.mock.calls.map(([, body]) => body.seconds)).toEqual([-600])
    expect(commands.isUndone(theirs)).toBe(true)
  })

  it('are among the latest actions, newest first', () => {
    useLive().take(update({ deliveries: [
      delivery('theirs', { is: 'accepted' }, { at_ms: 2 }),
      delivery('older', { is: 'accepted' }, { at_ms: 1 }),
    ] }))
    expect(useCommands().actions.map((action) => action.request)).toEqual(['theirs', 'older'])
  })
})
