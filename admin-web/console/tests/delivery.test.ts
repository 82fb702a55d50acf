import { afterEach, describe, expect, it } from 'vitest'

import type { Problem, Stage } from '../src/api/shapes'
import { type CommandState, isFinal, refusalWords, slowest, stateWords } from '../src/command/delivery'
import { setLanguage, timeOfDay } from '../src/locales/text'
import { delivery, stamp } from './shapes'

const at = Date.UTC(2026, 10, 22, 10, 3)
const problem = (error: string): Problem => ({ ...stamp, error, message_fr: 'du serveur', message_en: 'from the server' })

afterEach(() => setLanguage('fr'))

describe('where a command is, in words', () => {
  const words = (state: CommandState) => stateWords(state).words

  it('names each stage in French', () => {
    expect(words({ is: 'sending' })).toBe('Envoyé')
    expect(words({ is: 'accepted' })).toBe('Accepté par ce nœud')
    expect(words({ is: 'replicated', n: 2, m: 3 })).toBe('Répliqué (2/3)')
    expect(words({ is: 'confirmed', at_ms: at, n: 3, m: 3 })).toBe(`Confirmé par le poste ${timeOfDay(at)}`)
    expect(words({ is: 'waiting', since_ms: at, n: 1, m: 3 })).toBe(`En attente\u00a0: poste injoignable depuis ${timeOfDay(at)}`)
    expect(words({ is: 'refused', problem: problem('used_up') })).toBe('Refusé\u00a0: il ne reste plus de temps sur ce code')
  })

  it('never calls done what nobody has confirmed', () => {
    const notDone: CommandState[] = [
      { is: 'sending' }, { is: 'retrying', tries: 2 }, { is: 'accepted' }, { is: 'lost' },
      { is: 'replicated', n: 2, m: 3 }, { is: 'waiting', since_ms: at, n: 3, m: 3 },
    ]
    for (const state of notDone) expect(stateWords(state).tone, state.is).not.toBe('done')
  })

  it('says what a refusal means in both languages, and the server’s own words for unknown codes', () => {
    expect(refusalWords(problem('throttled'))).toBe('trop d’essais\u00a0: attendez un peu')
    expect(refusalWords(problem('new_rule'))).toBe('du serveur')
    setLanguage('en')
    expect(refusalWords(problem('throttled'))).toBe('too many tries: wait a little')
    expect(refusalWords(problem('new_rule'))).toBe('from the server')
  })
})

describe('a request of several entries', () => {
  it('is where the slowest of them is', () => {
    const stages: Stage[] = [{ is: 'confirmed', at_ms: at, n: 3, m: 3 }, { is: 'waiting', since_ms: at, n: 1, m: 3 }, { is: 'accepted' }]
    expect(slowest(stages.map((stage, n) => delivery(`r${n}`, stage)))?.is).toBe('waiting')
    expect(slowest([])).toBeUndefined()
  })

  it('ends with the kiosk where one is concerned, otherwise when all nodes have it', () => {
    expect(isFinal({ is: 'replicated', n: 3, m: 3 }, true)).toBe(false)
    expect(isFinal({ is: 'replicated', n: 3, m: 3 }, false)).toBe(true)
    expect(isFinal({ is: 'replicated', n: 2, m: 3 }, false)).toBe(false)
    expect(isFinal({ is: 'confirmed', at_ms: at, n: 1, m: 3 }, true)).toBe(true)
  })
})
