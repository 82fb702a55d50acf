import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { api } from '../api/client'
import type { LoginReply, OperatorView, Problem } from '../api/shapes'

const TICKET_EVERY_MS = 60_000

/** Whether somebody is signed in; `unknown` until the server was asked. */
export type LoginState = 'unknown' | 'out' | 'in'

/** What became of an attempt to sign in. */
export type SignInOutcome = { kind: 'in' } | { kind: 'problem'; problem: Problem } | { kind: 'unanswered' }

/** Who is signed in here, and the ticket that lets them go on at another admin node. */
export const useLogin = defineStore('login', () => {
  const state = ref<LoginState>('unknown')
  const operator = ref<OperatorView>()
  /** Whether a login that held has ended by itself. */
  const ended = ref(false)
  /** Whether another node's ticket was brought and not taken. */
  const notResumed = ref(false)
  /** Whether the server did not answer when it was last asked who is signed in. */
  const silent = ref(false)

  // In memory only: whoever holds it is signed in elsewhere.
  let ticket: { text: string; until: number } | undefined
  let renewing: number | undefined

  const signedIn = computed(() => state.value === 'in')

  function enter(reply: LoginReply): void {
    operator.value = reply.operator
    state.value = 'in'
    ended.value = false
    window.clearInterval(renewing)
    renewing = window.setInterval(() => void renewTicket(), TICKET_EVERY_MS)
    void renewTicket()
  }

  function leave(byItself: boolean): void {
    ended.value = byItself && state.value === 'in'
    state.value = 'out'
    operator.value = undefined
    ticket = undefined
    window.clearInterval(renewing)
  }

  async function renewTicket(): Promise<void> {
    const answer = await api.ticket()
    if (answer.kind !== 'reply' || state.value !== 'in') return
    ticket = { text: answer.reply.ticket, until: performance.now() + answer.reply.valid_s * 1000 }
  }

  /** Asks the server who is signed in. A silent server changes nothing. */
  async function look(): Promise<void> {
    const answer = await api.whoAmI()
    if (answer.kind === 'reply') enter(answer.reply)
    else if (answer.kind === 'problem' && answer.status === 401) leave(true)
    else if (state.value === 'unknown') leave(false)
    silent.value = answer.kind === 'unanswered'
  }

  async function signIn(name: string, password: string): Promise<SignInOutcome> {
    return settle(await api.login(name, password))
  }

  /** Goes on here with the ticket of another admin node. */
  async function resume(text: string): Promise<SignInOutcome> {
    const outcome = settle(await api.resume(text))
    notResumed.value = outcome.kind !== 'in'
    return outcome
  }

  function settle(answer: Awaited<ReturnType<typeof api.login>>): SignInOutcome {
    if (answer.kind === 'reply') {
      enter(answer.reply)
      return { kind: 'in' }
    }
    return answer.kind === 'problem' ? { kind: 'problem', problem: answer.problem } : { kind: 'unanswered' }
  }

  async function signOut(): Promise<void> {
    leave(false)
    await api.logout()
  }

  /** Where to go on at another console: with the ticket in the fragment, which no server logs. */
  function addressAt(page: string, path: string): string {
    const fresh = ticket !== undefined && ticket.until > performance.now()
    return `${page}${path}${fresh ? `#resume=${encodeURIComponent(ticket?.text ?? '')}` : ''}`
  }

  return { state, operator, ended, silent, notResumed, signedIn, look, signIn, resume, signOut, leave, addressAt }
})

/** Takes the ticket out of the address, so that it is neither shown, shared nor kept in history. */
export function takeTicketFromAddress(): string | undefined {
  const found = /^#resume=(.+)$/.exec(location.hash)
  if (!found?.[1]) return undefined
  history.replaceState(history.state, '', location.pathname + location.search)
  try {
    return decodeURIComponent(found[1])
  } catch {
    return undefined
  }
}
