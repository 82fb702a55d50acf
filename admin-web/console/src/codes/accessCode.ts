/** An access code in groups of four, as printed: `K7QM-2XPD`. Takes it with or without hyphens. */
export function formatAccessCode(code: string): string {
  const symbols = code.toUpperCase().replace(/[^0-9A-Z]/g, '')
  return symbols.match(/.{1,4}/g)?.join('-') ?? ''
}

/** The code spelt for a screen reader: `K, 7, Q, M. 2, X, P, D`. */
export function spellAccessCode(code: string): string {
  return formatAccessCode(code)
    .split('-')
    .map((group) => [...group].join(', '))
    .join('. ')
}
