import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type App, createApp, nextTick } from 'vue'

import { api } from '../src/api/client'
import CommandToasts from '../src/command/CommandToasts.vue'
import { IN_VIEW_MS, useCommands } from '../src/command/commands'
import { useLive } from '../src/live/live'
import { delivery, session, snapshot, stamp, tile } from './shapes'

const S = 's'.repeat(32)
let app: App
const toasts = () => [...document.querySelectorAll('.toast')].map((toast) => toast.textContent?.replace(/\s+/g, ' ').trim())
const box = () => document.querySelector('.toasts') as HTMLElement

/** Time passes, and a message comes, as it does each second or two. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  useLive().take({ type: 'heartbeat', ...stamp, as_of_ms: stamp.as_of_ms + performance.now() })
  await nextTick()
}

beforeEach(async () => {
  vi.useFakeTimers()
  vi.spyOn(api, 'extend').mockImplementation(async (_, { request }) => ({
    kind: 'reply',
    reply: { ...stamp, request, deliveries: [delivery(request, { is: 'confirmed', at_ms: 0, n: 3, m: 3 }, { kiosk: '1' })] },
  }))
  const pinia = createPinia()
  setActivePinia(pinia)
  useLive().take(snapshot({ tiles: [tile('1', { state: 'running', session: session({ id: S }) })] }))
  document.body.innerHTML = '<div id="app"></div>'
  app = createApp(CommandToasts).use(pinia)
  app.mount('#app')
  useCommands().extend(S, 900, '1')
  await pass(10)
})
afterEach(() => {
  app.unmount()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('what was just done', () => {
  it('is in view with its undo button for ten seconds', async () => {
    expect(toasts()).toHaveLength(1)
    expect(toasts()[0]).toContain('Poste 1 : +15 min')
    expect(toasts()[0]).toContain('Annuler')
    await pass(IN_VIEW_MS)
    expect(toasts()).toHaveLength(0)
  })

  it('does not go away under the pointer, and goes when the pointer has left', async () => {
    box().dispatchEvent(new Event('pointerenter'))
    await pass(IN_VIEW_MS)
    await pass(1_000)
    expect(toasts()).toHaveLength(1)
    box().dispatchEvent(new Event('pointerleave'))
    await nextTick()
    expect(toasts()).toHaveLength(0)
  })

  it('is replaced by its undoing', async () => {
    ;(box().querySelector('button') as HTMLButtonElement).click()
    await pass(10)
    expect(toasts()).toHaveLength(1)
    expect(toasts()[0]).toContain('−15 min')
  })
})
