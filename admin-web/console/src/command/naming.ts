import type { LiveTile } from '../api/shapes'
import { change, isTextKey, text } from '../locales/text'
import type { About } from './commands'

/** What a command does, in words: « +15 min », « Fermer », « Message ». */
export function commandWords(about: About): string {
  if (about.command === 'extend' && about.seconds) return change(about.seconds)
  const key = `command.${about.command}`
  return isTextKey(key) ? text(key) : text('command.other')
}

/** The same with the kiosk's name before it: « Poste 3 : +15 min ». */
export function journeyWords(about: About, tiles: ReadonlyMap<string, LiveTile>): string {
  const name = about.kiosk ? tiles.get(about.kiosk)?.name : undefined
  return name ? text('command.on', { name, what: commandWords(about) }) : commandWords(about)
}
