import { onBeforeUnmount, onMounted, ref } from 'vue'

const REMEMBERED = 'poste.keys'

function remembered(): boolean {
  try {
    return localStorage.getItem(REMEMBERED) !== 'off'
  } catch {
    return true
  }
}

/** Whether keys act alone, without Ctrl or Alt (WCAG 2.1.4 wants them to be turned off). */
export const singleKeys = ref(remembered())

/** Turns single keys on or off, and remembers it in this browser. */
export function setSingleKeys(on: boolean): void {
  singleKeys.value = on
  try {
    localStorage.setItem(REMEMBERED, on ? 'on' : 'off')
  } catch {
    // Not remembered; it holds for this page.
  }
}

/** Whether a key typed here is meant for a field. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input:not([type=checkbox], [type=radio]), textarea, select'))
  )
}

/** Single keys of a page, while it is mounted: none while a field or a window has the focus. */
export function useKeys(keys: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  function pressed(event: KeyboardEvent): void {
    if (!singleKeys.value || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return
    const act = keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act(event)
  }
  onMounted(() => addEventListener('keydown', pressed))
  onBeforeUnmount(() => removeEventListener('keydown', pressed))
}
