import { onBeforeUnmount, onMounted, ref, type Ref, watch } from 'vue'

import type { LiveTile } from '../api/shapes'
import { remainingAt } from '../live/clock'

/** Quiet after which tiles may move by themselves, in milliseconds (UX law 4). */
const IDLE_AFTER_MS = 20_000

/** Kiosks by the time left on their session, least first; those without one last. */
export function byTimeLeft(tiles: readonly LiveTile[], now: number | undefined): string[] {
  const left = (tile: LiveTile) => (tile.session ? remainingAt(tile.session, now) : Infinity)
  return [...tiles].sort((a, b) => left(a) - left(b) || 0).map((tile) => tile.kiosk)
}

/** Keeps an order that stands: who is new comes last, who has gone leaves, nobody else moves. */
export function keepOrder(order: readonly string[], present: readonly string[]): string[] {
  const here = new Set(present)
  const kept = order.filter((kiosk) => here.has(kiosk))
  const known = new Set(kept)
  return [...kept, ...present.filter((kiosk) => !known.has(kiosk))]
}

/** An order that is made anew on request, or when nobody has touched the page for a while. */
export function useSteadyOrder(sorted: () => string[], now: Ref<number | undefined>, inUse: () => boolean) {
  const order = ref<string[]>(sorted())
  let touchedAt = performance.now()
  const touch = () => {
    touchedAt = performance.now()
  }
  const resort = () => {
    order.value = sorted()
  }
  const kinds = ['pointermove', 'pointerdown', 'keydown', 'wheel']
  onMounted(() => kinds.forEach((kind) => addEventListener(kind, touch, { passive: true })))
  onBeforeUnmount(() => kinds.forEach((kind) => removeEventListener(kind, touch)))
  watch(now, () => {
    if (!inUse()) return
    if (performance.now() - touchedAt >= IDLE_AFTER_MS) resort()
    else {
      const kept = keepOrder(order.value, sorted())
      if (kept.length !== order.value.length || kept.some((kiosk, at) => kiosk !== order.value[at])) order.value = kept
    }
  })
  return { order, resort }
}
