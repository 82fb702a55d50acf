import type { IssuedCode } from '../api/shapes'

/** Codes just issued and the terms to print with them. They live on this page only. */
export interface Issued {
  readonly codes: readonly IssuedCode[]
  readonly seconds: number
  readonly untilMs: number
  readonly place: string
  readonly label: string
}
