/**
 * A fresh request id: 16 random bytes in lower-case hexadecimal.
 *
 * (`crypto.randomUUID` is refused on plain HTTP from another computer; this is not.)
 */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
