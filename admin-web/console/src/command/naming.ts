import { change, isTextKey, text } from '../locales/text'
import type { About } from './commands'

/** What a command does, in words: « +15 min », « Fermer », « Message ». */
export function commandWords(about: About): string {
  if (about.command === 'extend' && about.seconds) return change(about.seconds)
  const key = `command.${about.command}`
  return isTextKey(key) ? text(key) : text('command.other')
}
