import { readFileSync } from 'node:fs'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

// The kiosk's page has no tools of its own: it is driven here as the browser would drive it.
const page = '../../node/page'

class FakeSocket {
  static last: FakeSocket
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: (() => void) | undefined
  closed = false
  constructor(readonly url: string) {
    FakeSocket.last = this
  }
  close(): void {
    this.closed = true
  }
}

const base = { site: 'Médiathèque', kiosk: 'Poste 3', remaining_ms: 0, warning_min: null, messages: [], alone: false, may_ask: false, ends: null }
const tell = (screen: object) => FakeSocket.last.onmessage?.({ data: JSON.stringify({ ...base, ...screen }) })
const beat = () => FakeSocket.last.onmessage?.({ data: '{"type":"heartbeat"}' })
const by = (id: string) => document.getElementById(id) as HTMLElement
const words = (id: string) => by(id).textContent ?? ''
const faces = () => [...document.querySelectorAll('main > section:not([hidden])')].map((face) => face.id)

let aloud: string[]
let asked: { path: string; body: unknown }[]
let answers: { ok: boolean; body: unknown }[]

async function type(code: string): Promise<void> {
  ;(by('code') as HTMLInputElement).value = code
  by('open').dispatchEvent(new Event('submit', { cancelable: true }))
  await vi.advanceTimersByTimeAsync(0)
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
  asked = []
  answers = []
  aloud = []
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubGlobal('speechSynthesis', { cancel: () => undefined, speak: ({ words }: { words: string }) => aloud.push(words) })
  vi.stubGlobal('SpeechSynthesisUtterance', class { constructor(readonly words: string) {} })
  vi.stubGlobal('fetch', async (path: string, init: { body: string }) => {
    asked.push({ path, body: JSON.parse(init.body) })
    const answer = answers.shift() ?? { ok: true, body: {} }
    return { ok: answer.ok, json: async () => answer.body }
  })
  const html = readFileSync(`${page}/index.html`, 'utf8')
  document.body.innerHTML = /<body>([\s\S]*)<\/body>/.exec(html)?.[1] ?? ''
  document.documentElement.className = ''
  vi.resetModules()
  await import('../../../node/page/kiosk.js')
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a locked kiosk', () => {
  beforeEach(() => tell({ state: 'locked' }))

  it('shows its name, one labelled field and an example', () => {
    expect(faces()).toEqual(['locked'])
    expect(words('kiosk')).toBe('Poste 3')
    expect(document.querySelectorAll('section:not([hidden]) input')).toHaveLength(1)
    expect(document.querySelector('label[for=code]')?.textContent).toBe('Votre code d’accès')
    expect(words('example')).toContain('K7QM-2XPD')
  })

  it('sends the code as typed and empties the field when it was taken', async () => {
    await type(' k7qm 2xpd ')
    expect(asked).toEqual([{ path: '/open', body: { code: 'k7qm 2xpd' } }])
    expect((by('code') as HTMLInputElement).value).toBe('')
    expect(words('refusal')).toBe('')
  })

  it('says why not, in both languages', async () => {
    answers.push({ ok: false, body: { error: 'open_elsewhere', kiosk: 'Poste 7' } })
    await type('K7QM2XPD')
    expect(words('refusal')).toBe('Ce code est déjà ouvert sur\u00a0: Poste 7.')
    by('language').click()
    expect(words('refusal')).toBe('This code is already open on: Poste 7.')
  })

  it('has a sentence of its own for each refusal of opening', async () => {
    const rust = readFileSync('../../domain/src/refusal.rs', 'utf8')
    const codes = [...rust.matchAll(/=> "([a-z_]+)"/g)].map((found) => found[1]!)
    const commands = new Set(codes.slice(codes.indexOf('unknown_session')))
    const ofOpening = codes.filter((code) => !commands.has(code))
    expect(ofOpening.length).toBeGreaterThan(10)
    const said = new Set<string>()
    for (const error of ofOpening) {
      answers.push({ ok: false, body: { error } })
      await type('K7QM2XPD')
      said.add(words('refusal'))
    }
    expect(said.size).toBe(ofOpening.length)
  })

  it('makes the patron wait after too many tries, saying it once and counting down in silence', async () => {
    answers.push({ ok: false, body: { error: 'throttled', seconds: 8 } })
    await type('AAAA-AAAA')
    const said = words('refusal')
    expect(said).toContain('8 secondes')
    expect((by('enter') as HTMLButtonElement).disabled).toBe(true)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(words('refusal')).toBe(said)
    expect(words('enter')).toContain('(5)')
    await type('K7QM2XPD')
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(5_500)
    expect(words('refusal')).toBe('')
    expect((by('enter') as HTMLButtonElement).disabled).toBe(false)
  })

  it('makes the patron wait when the screen says so, and keeps the reason that was given', async () => {
    answers.push({ ok: false, body: { error: 'unknown_code' } })
    tell({ state: 'locked', wait_ms: 5_000 })
    expect(words('refusal')).toContain('5 secondes')
    await vi.advanceTimersByTimeAsync(5_500)
    expect(words('refusal')).toBe('')
    expect(words('enter')).toBe('Ouvrir')
    await type('AAAA-AAAA')
    tell({ state: 'locked', wait_ms: 5_000 })
    expect(words('refusal')).toContain('pas connu')
    expect(words('enter')).toBe('Ouvrir (5)')
    await vi.advanceTimersByTimeAsync(5_500)
    expect((by('enter') as HTMLButtonElement).disabled).toBe(false)
    expect(words('enter')).toBe('Ouvrir')
  })

  it('says that a code may be accepted all the same when there is no network', () => {
    tell({ state: 'locked', alone: true })
    expect(words('strip')).toContain('Réseau indisponible')
  })
})

describe('a running session', () => {
  it('counts down by itself between two messages', async () => {
    tell({ state: 'running', remaining_ms: 65_000 })
    expect(words('time')).toBe('1:05')
    await vi.advanceTimersByTimeAsync(6_000)
    expect(words('time')).toBe('0:59')
  })

  it('goes on when the network is gone, and says so', async () => {
    tell({ state: 'running', remaining_ms: 600_000, alone: true })
    expect(words('strip')).toBe('Réseau indisponible, votre temps continue normalement.')
  })

  it('goes on when its own node is silent, and finds it again', async () => {
    tell({ state: 'running', remaining_ms: 600_000 })
    const first = FakeSocket.last
    await vi.advanceTimersByTimeAsync(12_600)
    expect(words('time')).toBe('9:48')
    expect(words('strip')).toContain('se reconnecte')
    expect(first.closed).toBe(true)
    expect(FakeSocket.last).not.toBe(first)
    const second = FakeSocket.last
    await vi.advanceTimersByTimeAsync(2_000)
    expect(FakeSocket.last, 'a new socket is given its time').toBe(second)
    tell({ state: 'running', remaining_ms: 585_000 })
    expect(words('strip')).toBe('')
    expect(words('time')).toBe('9:45')
  })

  it('reconnects when its node restarts, and nobody notices', async () => {
    tell({ state: 'running', remaining_ms: 600_000 })
    const first = FakeSocket.last
    first.onclose?.()
    await vi.advanceTimersByTimeAsync(1_500)
    expect(FakeSocket.last).not.toBe(first)
    expect(words('strip')).toBe('')
    expect(faces()).toEqual(['running'])
  })

  it('speaks each warning once, and never each second', async () => {
    tell({ state: 'locked' })
    by('voice').click()
    tell({ state: 'paused', remaining_ms: 300_000 })
    aloud.length = 0
    tell({ state: 'running', remaining_ms: 300_000, warning_min: 5 })
    const spoken = words('spoken')
    expect(spoken).toContain('5 minutes')
    expect(aloud).toHaveLength(1)
    for (let n = 1; n < 20; n += 1) {
      await vi.advanceTimersByTimeAsync(1_000)
      if (n % 4 === 0) beat()
      expect(words('spoken')).toBe(spoken)
    }
    tell({ state: 'running', remaining_ms: 120_000, warning_min: 2 })
    expect(words('spoken')).toContain('2 minutes')
    expect(aloud).toHaveLength(2)
  })

  it('warns by its own reckoning when its node is silent', async () => {
    tell({ state: 'running', remaining_ms: 70_000 })
    await vi.advanceTimersByTimeAsync(13_000)
    expect(words('spoken')).toContain('1 minute')
  })

  it('shows staff’s message until it was read', async () => {
    tell({ state: 'running', remaining_ms: 600_000, messages: [{ id: 'ab', text: 'Fermeture à 18 h' }] })
    const dialog = by('message') as HTMLDialogElement
    expect(dialog.open).toBe(true)
    expect(words('message-text')).toBe('Fermeture à 18 h')
    const escape = new Event('cancel', { cancelable: true })
    dialog.dispatchEvent(escape)
    expect(escape.defaultPrevented).toBe(true)
    dialog.close() // what a browser does at the second Escape
    await vi.advanceTimersByTimeAsync(0)
    expect(dialog.open).toBe(true)
    by('read').click()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toEqual([{ path: '/acknowledge', body: { message: 'ab' } }])
    expect(dialog.open).toBe(false)
  })

  it('shows the message again when it could not be acknowledged', async () => {
    answers.push({ ok: false, body: { error: 'failed' } })
    tell({ state: 'running', remaining_ms: 600_000, messages: [{ id: 'ab', text: 'Bonjour' }] })
    by('read').click()
    await vi.advanceTimersByTimeAsync(0)
    expect((by('message') as HTMLDialogElement).open).toBe(true)
  })

  it('asks before it finishes', async () => {
    tell({ state: 'running', remaining_ms: 600_000 })
    by('finish').click()
    expect(asked).toEqual([])
    by('go').click()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toEqual([{ path: '/finish', body: {} }])
  })
})

describe('the end', () => {
  it('gives time to save, then cleans, then forgets the patron’s choices', async () => {
    tell({ state: 'running', remaining_ms: 1_000 })
    by('language').click()
    by('larger').click()
    tell({ state: 'ended', ends: { cause: 'expired', grace_ms: 30_000, step: 'grace' } })
    expect(faces()).toEqual(['ended'])
    expect(words('save')).toBe('Save your work now.')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(words('grace')).toBe('0:20')
    await vi.advanceTimersByTimeAsync(20_500)
    expect(by('cleaning').hidden).toBe(false)
    tell({ state: 'locked' })
    expect(document.documentElement.lang).toBe('fr')
    expect(document.documentElement.className).toBe('')
  })

  it('says when the session goes on elsewhere', () => {
    tell({ state: 'ended', ends: { cause: 'displaced', grace_ms: 0, step: 'cleaning' } })
    expect(words('cause')).toBe('Votre session continue sur un autre poste')
  })
})

it('shows nothing foolish for messages that it does not understand', () => {
  tell({ state: 'locked' })
  for (const data of ['', '{', 'null', '7', '{"state":7}', '{"later":true}']) FakeSocket.last.onmessage?.({ data })
  expect(faces()).toEqual(['locked'])
  tell({ state: 'dreaming' })
  expect(faces()).toEqual(['waiting'])
})
