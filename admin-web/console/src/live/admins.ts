import type { AdminView } from '../api/shapes'

const REMEMBERED = 'poste.admins'
const MOST = 16

/** Another admin node's console, as offered when this one is silent. */
export interface OtherConsole {
  readonly node: string
  /** `https://host:port`, without a path. */
  readonly page: string
}

/** The origin of an address, if it is one that a console can have. */
export function consoleOrigin(address: string): string | undefined {
  try {
    const url = new URL(address)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.origin : undefined
  } catch {
    return undefined
  }
}

/** The consoles to go to when the one at `here` is silent. */
export function otherConsoles(admins: readonly AdminView[], here: string): OtherConsole[] {
  return admins
    .filter((admin) => !admin.here)
    .flatMap((admin) => admin.pages.map((page) => ({ node: admin.node, page: consoleOrigin(page) })))
    .filter((other): other is OtherConsole => other.page !== undefined && other.page !== here)
    .slice(0, MOST)
}

/** Keeps them in the browser: they are needed when the server is dead. */
export function rememberConsoles(others: readonly OtherConsole[]): void {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(others))
  } catch {
    // Without storage the offer is only as good as this page's memory.
  }
}

/** What was kept; anything malformed is left out. */
export function rememberedConsoles(here: string): OtherConsole[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(REMEMBERED) ?? '[]')
    if (!Array.isArray(kept)) return []
    return kept.slice(0, MOST).flatMap((one: unknown) => {
      if (typeof one !== 'object' || one === null) return []
      const { node, page } = one as Partial<Record<keyof OtherConsole, unknown>>
      const origin = typeof page === 'string' ? consoleOrigin(page) : undefined
      if (typeof node !== 'string' || origin === undefined || origin === here) return []
      return [{ node, page: origin }]
    })
  } catch {
    return []
  }
}

/** Whether the node behind a console answers now. */
export async function answers(page: string, withinMs = 3_000): Promise<boolean> {
  try {
    const response = await fetch(`${page}/api/v1/here`, {
      signal: AbortSignal.timeout(withinMs),
      credentials: 'omit',
      cache: 'no-store',
    })
    return response.ok
  } catch {
    return false
  }
}
