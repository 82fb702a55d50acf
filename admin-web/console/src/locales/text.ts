import { computed, ref } from 'vue'

import { en } from './en'
import { fr } from './fr'

/** A language of the console. */
export type Language = 'fr' | 'en'
/** The name of a sentence. */
export type TextKey = keyof typeof fr
/** A sentence that exists in the singular and the plural, without its ending. */
export type PluralKey = TextKey extends infer K ? (K extends `${infer Stem}_one` ? Stem : never) : never

type Values = Readonly<Record<string, string | number>>

const REMEMBERED = 'poste.language'

/** French puts an unbreakable space before double punctuation and inside guillemets. */
export function withFrenchSpaces(sentence: string): string {
  return sentence.replace(/ ([:;!?»])/g, '\u00a0$1').replace(/« /g, '«\u00a0')
}

const tables: Record<Language, Record<TextKey, string>> = {
  fr: Object.fromEntries(
    Object.entries(fr).map(([key, sentence]) => [key, withFrenchSpaces(sentence)]),
  ) as Record<TextKey, string>,
  en,
}

function remembered(): Language {
  try {
    return localStorage.getItem(REMEMBERED) === 'en' ? 'en' : 'fr'
  } catch {
    return 'fr'
  }
}

/** The language in use. */
export const language = ref<Language>(remembered())

/** Changes the language and remembers it in this browser. */
export function setLanguage(to: Language): void {
  language.value = to
  document.documentElement.lang = to
  try {
    localStorage.setItem(REMEMBERED, to)
  } catch {
    // A browser that keeps nothing still shows the language chosen.
  }
}

/** Fills `{name}` places; a place without a value stays visible. */
export function fill(sentence: string, values: Values): string {
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place))
}

/** The sentence in the language in use. */
export function text(key: TextKey, values: Values = {}): string {
  return fill(tables[language.value][key], values)
}

/** The sentence in the singular or plural that `n` asks for. */
export function plural(key: PluralKey, n: number): string {
  const form = new Intl.PluralRules(language.value).select(n) === 'one' ? 'one' : 'other'
  return text(`${key}_${form}` as TextKey, { n })
}

/** Whether a sentence of this name exists: for keys made from a code of the server. */
export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(fr, key)
}

const locale = computed(() => (language.value === 'fr' ? 'fr-FR' : 'en-GB'))
const clock = computed(() => new Intl.DateTimeFormat(locale.value, { hour: '2-digit', minute: '2-digit' }))
const day = computed(
  () =>
    new Intl.DateTimeFormat(locale.value, {
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      hour: '2-digit',
      minute: '2-digit',
    }),
)
const sorter = computed(() => new Intl.Collator(locale.value, { numeric: true, sensitivity: 'base' }))

/** `14:03`. */
export function timeOfDay(ms: number): string {
  return clock.value.format(ms)
}

/** `14:03` when it is within half a day of `now`, otherwise with the day. */
export function moment(ms: number, now: number | undefined): string {
  const near = now === undefined || Math.abs(now - ms) < 12 * 3_600_000
  return near ? clock.value.format(ms) : day.value.format(ms)
}

/** `lun. 23 nov. 14:03`. */
export function withDay(ms: number): string {
  return day.value.format(ms)
}

/** Orders names as people do: « Poste 2 » before « Poste 10 ». */
export function compareNames(left: string, right: string): number {
  return sorter.value.compare(left, right)
}

/** `1:02:07` or `42:07`: whole seconds, rounded up, so that `0:00` means over. */
export function countdown(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const s = String(seconds % 60).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${s}`
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${s}`
}

/** A duration in words, to the unit that matters: `45 s`, `15 min`, `1 h 30`, `3 jours`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return text('unit.seconds', { n: seconds })
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return text('unit.minutes', { n: minutes })
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return plural('unit.days', Math.floor(hours / 24))
  const rest = minutes % 60
  if (rest === 0) return text('unit.hours', { n: hours })
  return text('unit.hoursMinutes', { h: hours, m: String(rest).padStart(2, '0') })
}

/** `+15 min` or `−5 min`, with a true minus sign. */
export function change(seconds: number): string {
  return `${seconds < 0 ? '−' : '+'}${duration(Math.abs(seconds) * 1000)}`
}
