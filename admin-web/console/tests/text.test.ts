import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { formatAccessCode, spellAccessCode } from '../src/codes/accessCode'
import { isLong, validitySeconds } from '../src/codes/validity'
import { newRequestId } from '../src/command/request'
import { en } from '../src/locales/en'
import { fr } from '../src/locales/fr'
import { change, compareNames, countdown, duration, fill, plural, setLanguage, text, withFrenchSpaces } from '../src/locales/text'

afterEach(() => setLanguage('fr'))

const places = (sentence: string) => [...sentence.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort()

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'locales' ? [] : sources(path)
    return /\.(vue|ts)$/.test(entry.name) ? [readFileSync(path, 'utf8')] : []
  })
}

describe('sentences', () => {
  it('have the same names and places in both languages', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(fr).sort())
    for (const key of Object.keys(fr) as (keyof typeof fr)[]) {
      expect(places(en[key]), key).toEqual(places(fr[key]))
      expect(fr[key].trim(), key).not.toBe('')
      expect(en[key].trim(), key).not.toBe('')
    }
  })

  it('exist for each refusal of the domain', () => {
    const rust = readFileSync('../../domain/src/refusal.rs', 'utf8')
    const codes = [...rust.matchAll(/=> "([a-z_]+)"/g)].map((found) => found[1])
    expect(codes.length).toBeGreaterThan(20)
    for (const code of codes) expect(Object.keys(fr), `refusal.${code}`).toContain(`refusal.${code}`)
  })

  it('are all used somewhere', () => {
    const all = sources('src').join('\n') + readFileSync('src/locales/text.ts', 'utf8')
    const made = [...all.matchAll(/[`'"]([a-z]+\.[A-Za-z]*)\$\{/g)].map((found) => found[1]!)
    const unused = Object.keys(fr).filter((key) => {
      const stem = key.replace(/_(one|other)$/, '')
      return !all.includes(`'${key}'`) && !all.includes(`'${stem}'`) && !made.some((start) => key.startsWith(start))
    })
    expect(unused).toEqual([])
  })

  it('keep French punctuation with its word', () => {
    expect(withFrenchSpaces('Fermer ? « Oui » : non')).toBe('Fermer\u00a0? «\u00a0Oui\u00a0»\u00a0: non')
  })

  it('show a place that got no value', () => {
    expect(fill('{a} et {b}', { a: 1 })).toBe('1 et {b}')
  })

  it('count as each language does', () => {
    expect(plural('floor.count', 0)).toBe('0 poste')
    expect(plural('floor.count', 2)).toBe('2 postes')
    setLanguage('en')
    expect(plural('floor.count', 0)).toBe('0 kiosks')
    expect(text('state.free')).toBe('Free')
  })
})

describe('figures', () => {
  it('round a countdown up, so that 0:00 means over', () => {
    expect([0, 1, 1000, 59_001, 60_000, 3_599_001, 3_600_000, 3_661_000].map(countdown)).toEqual([
      '0:00', '0:01', '0:01', '1:00', '1:00', '1:00:00', '1:00:00', '1:01:01',
    ])
  })
  it('say durations to the unit that matters', () => {
    expect([45_000, 900_000, 3_600_000, 5_400_000, 3 * 86_400_000].map(duration)).toEqual(['45 s', '15 min', '1 h', '1 h 30', '3 jours'])
    expect([change(900), change(-300)]).toEqual(['+15 min', '−5 min'])
  })
  it('order kiosks as people count', () => {
    expect(['Poste 10', 'Poste 9', 'accueil', 'Élodie'].sort(compareNames)).toEqual(['accueil', 'Élodie', 'Poste 9', 'Poste 10'])
  })
})

describe('access codes', () => {
  it('are shown in groups of four, however they come', () => {
    expect(formatAccessCode('K7QM2XPD')).toBe('K7QM-2XPD')
    expect(formatAccessCode('k7qm-2xpd-00aa')).toBe('K7QM-2XPD-00AA')
    expect(spellAccessCode('K7QM2XPD')).toBe('K, 7, Q, M. 2, X, P, D')
  })
  it('are long beyond a day', () => {
    expect(isLong(validitySeconds('24h', 0))).toBe(false)
    expect(isLong(validitySeconds('7d', 0))).toBe(true)
  })
  it('valid until tonight end at midnight here, and not in a minute', () => {
    const noon = new Date(2026, 10, 22, 12).getTime()
    expect(validitySeconds('today', noon)).toBe(12 * 3600)
    expect(validitySeconds('today', new Date(2026, 10, 22, 23, 59).getTime())).toBe(15 * 60)
  })
})

describe('request ids', () => {
  it('are 16 bytes in lower-case hexadecimal, each its own', () => {
    const ids = Array.from({ length: 50 }, newRequestId)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(ids).size).toBe(50)
  })
})
