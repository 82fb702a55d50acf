import type { DeliveryView, Problem, Stage } from '../api/shapes'
import { isTextKey, language, text, timeOfDay } from '../locales/text'

/** Where a command of this page is, before and after the server knows of it. */
export type CommandState =
  | { readonly is: 'sending' }
  | { readonly is: 'retrying'; readonly tries: number }
  | { readonly is: 'lost' }
  | { readonly is: 'refused'; readonly problem: Problem }
  | Stage

/** How a state is to be looked at: on its way, arrived, late, or not to be. */
export type Tone = 'moving' | 'done' | 'late' | 'bad'

/** A state in words. `step` counts the stages passed: sent, accepted, replicated, confirmed. */
export interface StateWords {
  readonly words: string
  readonly tone: Tone
  readonly step: 0 | 1 | 2 | 3 | 4
}

const RANK: Record<Stage['is'], number> = { waiting: 0, accepted: 1, replicated: 2, confirmed: 3 }

/** A request may write several entries: it is where the slowest of them is. */
export function slowest(deliveries: readonly DeliveryView[]): Stage | undefined {
  let worst: Stage | undefined
  for (const { stage } of deliveries) {
    if (worst === undefined || RANK[stage.is] < RANK[worst.is]) worst = stage
  }
  return worst
}

/** Whether nothing more is to come. A command that concerns no kiosk ends when all nodes have it. */
export function isFinal(state: CommandState, concernsKiosk: boolean): boolean {
  switch (state.is) {
    case 'refused':
    case 'lost':
    case 'confirmed':
      return true
    case 'replicated':
      return !concernsKiosk && state.n >= state.m
    default:
      return false
  }
}

/** The words of UX law 2. Nothing is called done that is not known to be. */
export function stateWords(state: CommandState): StateWords {
  switch (state.is) {
    case 'sending':
      return { words: text('delivery.sending'), tone: 'moving', step: 1 }
    case 'retrying':
      return { words: text('delivery.retrying', { n: state.tries }), tone: 'late', step: 1 }
    case 'lost':
      return { words: text('delivery.lost'), tone: 'bad', step: 1 }
    case 'refused':
      return { words: text('delivery.refused', { reason: refusalWords(state.problem) }), tone: 'bad', step: 0 }
    case 'accepted':
      return { words: text('delivery.accepted'), tone: 'moving', step: 2 }
    case 'replicated':
      return {
        words: text('delivery.replicated', { n: state.n, m: state.m }),
        tone: state.n >= state.m ? 'done' : 'moving',
        step: 3,
      }
    case 'confirmed':
      return { words: text('delivery.confirmed', { time: timeOfDay(state.at_ms) }), tone: 'done', step: 4 }
    case 'waiting':
      return { words: text('delivery.waiting', { time: timeOfDay(state.since_ms) }), tone: 'late', step: 3 }
  }
}

/** Why not, in the language in use: our own words for known codes, else the server's sentence. */
export function refusalWords(problem: Problem): string {
  const key = `refusal.${problem.error}`
  if (isTextKey(key)) return text(key)
  return language.value === 'fr' ? problem.message_fr : problem.message_en
}
