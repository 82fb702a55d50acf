import createClient from 'openapi-fetch'

import type { Problem } from './shapes'
import type { paths } from './schema'

/** Time after which a request counts as unanswered, in milliseconds. */
export const ANSWER_WITHIN_MS = 5_000

/** The server did not answer: it cannot be known whether it heard. */
export const UNANSWERED = 'unanswered'

/** What came back: the reply, the server's reasoned no, or nothing at all. */
export type Answer<T> =
  | { readonly kind: 'reply'; readonly reply: T }
  | { readonly kind: 'problem'; readonly status: number; readonly problem: Problem }
  | { readonly kind: typeof UNANSWERED }

const client = createClient<paths>({ baseUrl: '' })

interface Fetched<T> {
  data?: T
  error?: Problem
  response: Response
}

type Listener = () => void
let signedOut: Listener = () => undefined

/** Who is told when the server says that the login has ended. */
export function onSignedOut(listener: Listener): void {
  signedOut = listener
}

/**
 * One request, with an end. A gateway's or a proxy's page is no answer of ours: it counts as none.
 */
async function ask<T>(request: (signal: AbortSignal) => Promise<Fetched<T>>, own401 = false): Promise<Answer<T>> {
  try {
    const { data, error, response } = await request(AbortSignal.timeout(ANSWER_WITHIN_MS))
    if (response.ok && data !== undefined) return { kind: 'reply', reply: data }
    if (typeof error?.error !== 'string') return { kind: UNANSWERED }
    if (response.status === 401 && !own401) signedOut()
    return { kind: 'problem', status: response.status, problem: error }
  } catch {
    return { kind: UNANSWERED }
  }
}

/** The API, one function for each route that the page uses. */
export const api = {
  whoAmI: () => ask((signal) => client.GET('/api/v1/login', { signal }), true),
  login: (login: string, password: string) =>
    ask((signal) => client.POST('/api/v1/login', { body: { login, password }, signal }), true),
  logout: () => ask((signal) => client.POST('/api/v1/logout', { signal })),
  ticket: () => ask((signal) => client.POST('/api/v1/login/ticket', { signal })),
  resume: (ticket: string) =>
    ask((signal) => client.POST('/api/v1/login/resume', { body: { ticket }, signal }), true),
  nodes: () => ask((signal) => client.GET('/api/v1/nodes', { signal })),
  pairings: () => ask((signal) => client.GET('/api/v1/pairings', { signal })),
  confirmPairing: (node: string, body: { request: string; digits: string; kiosk: string }) =>
    ask((signal) => client.POST('/api/v1/pairings/{node}/confirm', { params: { path: { node } }, body, signal })),
  refusePairing: (node: string, body: { digits: string }) =>
    ask((signal) => client.POST('/api/v1/pairings/{node}/refuse', { params: { path: { node } }, body, signal })),
  extend: (session: string, body: { request: string; seconds: number }) =>
    ask((signal) =>
      client.POST('/api/v1/sessions/{session}/extend', { params: { path: { session } }, body, signal }),
    ),
  pause: (session: string, request: string) =>
    ask((signal) =>
      client.POST('/api/v1/sessions/{session}/pause', {
        params: { path: { session } },
        body: { request },
        signal,
      }),
    ),
  resumeSession: (session: string, request: string) =>
    ask((signal) =>
      client.POST('/api/v1/sessions/{session}/resume', {
        params: { path: { session } },
        body: { request },
        signal,
      }),
    ),
  close: (session: string, body: { request: string; keep_rest: boolean }) =>
    ask((signal) =>
      client.POST('/api/v1/sessions/{session}/close', { params: { path: { session } }, body, signal }),
    ),
  withdraw: (session: string, request: string) =>
    ask((signal) =>
      client.POST('/api/v1/codes/{session}/withdraw', {
        params: { path: { session } },
        body: { request },
        signal,
      }),
    ),
  message: (kiosk: string, body: { request: string; text: string }) =>
    ask((signal) =>
      client.POST('/api/v1/kiosks/{kiosk}/message', { params: { path: { kiosk } }, body, signal }),
    ),
  nameKiosk: (kiosk: string, body: { request: string; name: string; room: string }) =>
    ask((signal) => client.POST('/api/v1/kiosks/{kiosk}/name', { params: { path: { kiosk } }, body, signal })),
  nameRoom: (room: string, body: { request: string; name: string; order: number }) =>
    ask((signal) => client.POST('/api/v1/rooms/{room}', { params: { path: { room } }, body, signal })),
  setService: (kiosk: string, body: { request: string; in_service: boolean }) =>
    ask((signal) => client.POST('/api/v1/kiosks/{kiosk}/service', { params: { path: { kiosk } }, body, signal })),
  issue: (body: IssueBody) => ask((signal) => client.POST('/api/v1/codes', { body, signal })),
  issueBatch: (body: IssueBody & { count: number }) =>
    ask((signal) => client.POST('/api/v1/codes/batch', { body, signal })),
}

/** Terms of one code, or of each in a batch. */
export interface IssueBody {
  request: string
  seconds: number
  valid_s?: number
  kiosk?: string
  room?: string
  label?: string
}
