// What is printed of many tries.

/** The value below which this part of all values lies (nearest rank). */
export function rank(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
}

/**
 * A row of the table. Under 100 tries there is no 99th percentile, and the worst stands in its place.
 * `goal` is `{ median, p99 }`, either may be missing.
 */
export function tries(name, how, values, unit, goal = {}) {
  const many = values.length >= 100
  return {
    name,
    how,
    unit,
    tries: values.length,
    median: rank(values, 0.5),
    p99: many ? rank(values, 0.99) : undefined,
    worst: Math.max(...values),
    goal,
    values: values.map((value) => Math.round(value * 1000) / 1000),
  }
}

/** A row with one value. */
export function single(name, how, value, unit, goal) {
  return { name, how, unit, tries: 1, median: value, goal: goal === undefined ? {} : { median: goal } }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/** Polls every `everyMs`, unlike a wait that may be late by 50 ms; gives the time at which it held. */
export async function moment(what, everyMs, deadlineMs, probe) {
  const end = performance.now() + deadlineMs
  let last
  for (;;) {
    try {
      last = await probe()
      if (last) return performance.now()
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`in vain: ${what} (last: ${last})`)
    await pause(everyMs)
  }
}
