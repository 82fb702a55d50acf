import { defineStore } from 'pinia'
import { computed, shallowReactive, shallowRef } from 'vue'

import { type Answer, api } from '../api/client'
import type { CommandReply, DeliveryView, PairingView } from '../api/shapes'
import { useLive } from '../live/live'
import { type CommandState, isFinal, slowest } from './delivery'
import { newRequestId } from './request'

/** Waits before the second, third and fourth try of the same request, in milliseconds. */
const TRY_AGAIN_AFTER_MS = [400, 1_500, 4_000]
/** How long an action stays in view with its undo button, in milliseconds (UX law 3). */
export const IN_VIEW_MS = 10_000
/** A refusal is to be read and understood, not only noticed. */
const REFUSED_IN_VIEW_MS = 30_000
const MOST = 100

/** What a command is about. */
export interface About {
  readonly command: string
  readonly kiosk?: string | null | undefined
  readonly session?: string | null | undefined
  readonly seconds?: number | null | undefined
}

/** A command given on this page, from the press of the button on. */
export interface Journey extends About {
  readonly request: string
  /** On the monotonic clock of the page. */
  readonly pressedAt: number
  state: CommandState
  /** As the reply told them; the live stream knows better from then on. */
  told: readonly DeliveryView[]
  dismissed: boolean
  readonly send: (request: string) => Promise<Answer<CommandReply>>
}

/** What undoing needs to know. */
type Given = About & { readonly request: string; readonly state: CommandState }

/** One line of « Dernières actions »: given here or by a colleague on the same node. */
export interface Action extends About {
  readonly request: string
  readonly state: CommandState
  readonly atMs: number | undefined
  readonly journey: Journey | undefined
}

/** Whether a kiosk has to hear of it before it is done. */
export const concernsKiosk = (about: About): boolean => typeof about.kiosk === 'string'

const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

/** Commands given on this page, and where each of them is. */
export const useCommands = defineStore('commands', () => {
  const live = useLive()
  const journeys = shallowRef<Journey[]>([])
  const undone = shallowReactive(new Set<string>())

  /** Deliveries by request, from the live stream. */
  const byRequest = computed(() => {
    const found = new Map<string, DeliveryView[]>()
    for (const delivery of live.floor.deliveries.values()) {
      const same = found.get(delivery.request)
      if (same) same.push(delivery)
      else found.set(delivery.request, [delivery])
    }
    return found
  })

  function stateOf(journey: Journey): CommandState {
    if (journey.state.is === 'refused') return journey.state
    return slowest(byRequest.value.get(journey.request) ?? journey.told) ?? journey.state
  }

  function begin(about: About, send: Journey['send']): Journey {
    const journey: Journey = shallowReactive({
      ...about,
      request: newRequestId(),
      pressedAt: performance.now(),
      state: { is: 'sending' },
      told: [],
      dismissed: false,
      send,
    })
    journeys.value = [journey, ...journeys.value].slice(0, MOST)
    void carry(journey)
    return journey
  }

  /** Sends until there is an answer; the request id makes repetition harmless. */
  async function carry(journey: Journey): Promise<void> {
    journey.state = { is: 'sending' }
    for (let tries = 1; ; tries += 1) {
      const answer = await journey.send(journey.request)
      if (answer.kind === 'reply') {
        journey.told = answer.reply.deliveries
        journey.state = slowest(answer.reply.deliveries) ?? { is: 'accepted' }
        return
      }
      const busy = answer.kind === 'problem' && answer.status === 503
      if (answer.kind === 'problem' && !busy) {
        journey.state = { is: 'refused', problem: answer.problem }
        return
      }
      const wait = TRY_AGAIN_AFTER_MS[tries - 1]
      if (wait === undefined) {
        journey.state = { is: 'lost' }
        return
      }
      journey.state = { is: 'retrying', tries: tries + 1 }
      await sleep(wait)
    }
  }

  const extend = (session: string, seconds: number, kiosk?: string) =>
    begin({ command: 'extend', session, seconds, kiosk }, (request) => api.extend(session, { request, seconds }))
  const pause = (session: string, kiosk?: string) =>
    begin({ command: 'pause', session, kiosk }, (request) => api.pause(session, request))
  const resume = (session: string, kiosk?: string) =>
    begin({ command: 'resume', session, kiosk }, (request) => api.resumeSession(session, request))
  const close = (session: string, keepRest: boolean, kiosk?: string) =>
    begin({ command: 'close', session, kiosk }, (request) => api.close(session, { request, keep_rest: keepRest }))
  const withdraw = (session: string) =>
    begin({ command: 'withdraw', session }, (request) => api.withdraw(session, request))
  const message = (kiosk: string, words: string) =>
    begin({ command: 'send_message', kiosk }, (request) => api.message(kiosk, { request, text: words }))
  const setService = (kiosk: string, inService: boolean) =>
    begin({ command: 'describe_kiosk', kiosk }, (request) => api.setService(kiosk, { request, in_service: inService }))
  const nameKiosk = (kiosk: string, name: string, room: string) =>
    begin({ command: 'name_kiosk', kiosk }, (request) => api.nameKiosk(kiosk, { request, name, room }))
  const nameRoom = (room: string, name: string, order: number) =>
    begin({ command: 'name_room' }, (request) => api.nameRoom(room, { request, name, order }))
  /** Admits a machine whose digits were compared; once that is done, names its kiosk if asked to. */
  const pair = (machine: PairingView, kiosk: string, naming?: { name: string; room: string }) =>
    begin({ command: 'pair_node' }, async (request) => {
      const answer = await api.confirmPairing(machine.node, { request, digits: machine.digits, kiosk })
      if (answer.kind === 'reply' && naming) nameKiosk(kiosk, naming.name, naming.room)
      return answer
    })

  /** Whether it can be taken back: only time given or taken, once, if it may have got through. */
  function canUndo(given: Given): boolean {
    const { command, session, seconds, state, request } = given
    return command === 'extend' && !!session && !!seconds && state.is !== 'refused' && live.mayAct && !undone.has(request)
  }

  function undo(given: Given): void {
    if (!canUndo(given) || !given.session || !given.seconds) return
    undone.add(given.request)
    const journey = journeys.value.find((one) => one.request === given.request)
    if (journey) journey.dismissed = true
    extend(given.session, -given.seconds, given.kiosk ?? undefined)
  }

  /** Whether it was taken back on this page. */
  const isUndone = (given: Given) => undone.has(given.request)

  /** The same request once more, after nobody answered. */
  function sendAgain(journey: Journey): void {
    if (journey.state.is === 'lost') void carry(journey)
  }

  /** What is still in view: for a while, and for as long as nothing is known of it. */
  const inView = computed(() => {
    void live.now
    const mono = performance.now()
    return journeys.value.filter((journey) => {
      if (journey.dismissed) return false
      const { is } = stateOf(journey)
      if (is === 'retrying' || is === 'lost') return true
      return mono - journey.pressedAt < (is === 'refused' ? REFUSED_IN_VIEW_MS : IN_VIEW_MS)
    })
  })

  /** Time on its way to a session: said in words beside what is observed, never added to it. */
  function pendingSeconds(session: string): number {
    return journeys.value.reduce((sum, journey) => {
      const underWay = journey.state.is === 'sending' || journey.state.is === 'retrying'
      return journey.session === session && underWay ? sum + (journey.seconds ?? 0) : sum
    }, 0)
  }

  /** Latest first: this page's commands and those that the node tells of. */
  const actions = computed<Action[]>(() => {
    const mine = new Map(journeys.value.map((journey) => [journey.request, journey]))
    const mono = performance.now()
    const own = journeys.value.map((journey): Action => {
      const known = byRequest.value.get(journey.request)?.[0] ?? journey.told[0]
      const guess = live.now === undefined ? undefined : live.now - (mono - journey.pressedAt)
      return { ...about(journey), request: journey.request, state: stateOf(journey), atMs: known?.at_ms ?? guess, journey }
    })
    const others: Action[] = []
    for (const [request, deliveries] of byRequest.value) {
      const first = deliveries[0]
      const state = slowest(deliveries)
      if (mine.has(request) || first === undefined || state === undefined) continue
      others.push({ ...about(first), state, request, atMs: first.at_ms, journey: undefined })
    }
    return [...own, ...others].sort((a, b) => (b.atMs ?? Infinity) - (a.atMs ?? Infinity))
  })

  const underWay = computed(
    () => actions.value.filter((action) => !isFinal(action.state, concernsKiosk(action))).length,
  )

  function about({ command, kiosk, session, seconds }: About): About {
    return { command, kiosk, session, seconds }
  }

  function forget(): void {
    journeys.value = []
    undone.clear()
  }

  return {
    journeys, inView, actions, underWay,
    extend, pause, resume, close, withdraw, message, setService, nameKiosk, nameRoom, pair,
    canUndo, undo, isUndone, sendAgain, stateOf, pendingSeconds, forget,
  }
})
