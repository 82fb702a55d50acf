import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'

import type { LiveMessage } from '../api/shapes'
import { type OtherConsole, otherConsoles, rememberConsoles, rememberedConsoles } from './admins'
import { SiteClock } from './clock'
import { emptyFloor, takeIn } from './floor'
import { freshnessOf } from './freshness'
import { LiveStream, type Socket } from './stream'

/** The live state of the site: one stream, one clock, one tick a second for everything drawn. */
export const useLive = defineStore('live', () => {
  const floor = emptyFloor()
  const clock = new SiteClock()
  const here = location.origin

  /** Site time, once a second; undefined before the first message. */
  const now = ref<number>()
  /** Milliseconds since the last message. */
  const silence = ref<number>()
  const others = shallowRef<OtherConsole[]>(rememberedConsoles(here))

  let startedAt = performance.now()
  const sinceStart = ref(0)
  let lastHeard: number | undefined
  let touched = false
  let ticking: number | undefined
  let onRefused: () => void = () => undefined
  let onEnded: () => void = () => undefined

  const freshness = computed(() => freshnessOf(silence.value, sinceStart.value))
  const readOnly = computed(() => freshness.value === 'offline' || freshness.value === 'waiting')
  /** Site time at which the server was last heard. */
  const heardAtMs = computed(() =>
    now.value === undefined || silence.value === undefined ? undefined : now.value - silence.value,
  )
  const mayAct = computed(() => !readOnly.value && floor.operator !== undefined && floor.operator.role !== 'viewer')

  function take(message: LiveMessage): void {
    if (floor.node !== message.node) clock.reset()
    clock.heard(message.as_of_ms)
    lastHeard = performance.now()
    takeIn(floor, message)
    measure()
    if (message.type === 'signed_out') onEnded()
  }

  function measure(): void {
    const mono = performance.now()
    now.value = clock.now()
    silence.value = lastHeard === undefined ? undefined : mono - lastHeard
    sinceStart.value = mono - startedAt
  }

  function tick(): void {
    measure()
    const intoSecond = now.value === undefined ? 0 : now.value % 1000
    ticking = window.setTimeout(tick, 1000 - intoSecond)
  }

  const stream = new LiveStream(
    { message: take, refused: () => onRefused() },
    {
      open: () => new WebSocket(`${here.replace(/^http/, 'ws')}/api/v1/live`) as Socket,
      now: () => performance.now(),
      later: (run, ms) => window.setTimeout(run, ms),
      cancel: (timer) => window.clearTimeout(timer),
      random: Math.random,
      active: () => {
        const was = touched
        touched = false
        return was
      },
    },
  )

  const touch = () => {
    touched = true
  }
  const hurry = () => {
    if (document.visibilityState === 'visible') {
      measure()
      stream.hurry()
    }
  }

  /** Starts listening; `refused` hears of sockets that never spoke, `ended` of a login's end. */
  function start(listeners: { refused: () => void; ended: () => void }): void {
    onRefused = listeners.refused
    onEnded = listeners.ended
    if (ticking !== undefined) return
    startedAt = performance.now()
    lastHeard = undefined
    tick()
    stream.start()
    for (const kind of ['keydown', 'pointerdown']) addEventListener(kind, touch, { passive: true })
    addEventListener('online', hurry)
    document.addEventListener('visibilitychange', hurry)
  }

  /** Stops listening and forgets what was shown. */
  function stop(): void {
    stream.stop()
    window.clearTimeout(ticking)
    ticking = undefined
    for (const kind of ['keydown', 'pointerdown']) removeEventListener(kind, touch)
    removeEventListener('online', hurry)
    document.removeEventListener('visibilitychange', hurry)
    lastHeard = undefined
    clock.reset()
    Object.assign(floor, { ...emptyFloor(), tiles: floor.tiles, codes: floor.codes, deliveries: floor.deliveries })
    floor.tiles.clear()
    floor.codes.clear()
    floor.deliveries.clear()
    measure()
  }

  watch(
    () => floor.admins,
    (admins) => {
      if (!floor.known) return
      others.value = otherConsoles(admins, here)
      rememberConsoles(others.value)
    },
  )

  return { floor, now, silence, freshness, readOnly, mayAct, heardAtMs, others, start, stop, take, hurry }
})
