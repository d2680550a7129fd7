/** Counts what a journal holds, in one reading of its records as they lie on the disk: sizes, types, schemas, growth. */
import { dump, events as today, levelOf } from '../index.js'

export interface Census {
  streams: Map<string, Amount>
  types: Map<string, number>
  /** Events that are stored in a schema before today's, by type and schema. */
  old: Map<string, number>
  /** By day (UTC). */
  days: Map<string, Amount>
}

export interface Amount {
  events: number
  bytes: number
}

export async function census(directory: string, upTo: number, progress: (events: number) => void): Promise<Census> {
  const level: Record<string, number> = levelOf(today)
  const found: Census = { streams: new Map(), types: new Map(), old: new Map(), days: new Map() }
  // Records that lie where bytes do not check, or were written once more, are no part of the history a second time.
  let [last, checks] = [0, true]
  for await (const item of dump(directory)) {
    if (item.what === 'frame') checks = true
    if (item.what === 'fault') checks = false
    if (item.what !== 'record' || !checks || item.position <= last || item.position > upTo) continue
    last = item.position
    progress(last)
    const amount = { events: item.events.length, bytes: item.bytes }
    add(found.streams, item.stream, amount)
    add(found.days, new Date(item.at).toISOString().slice(0, 10), amount)
    for (const { type, schema } of item.events) {
      count(found.types, type)
      if (schema < (level[type] ?? schema)) count(found.old, `${type}@${schema}`)
    }
  }
  return found
}

/** Days while they are few, then months, then years: the newest last. */
export function growth(days: ReadonlyMap<string, Amount>, most: number): { period: string; events: number; bytes: number }[] {
  for (const letters of [10, 7, 4]) {
    const periods = new Map<string, Amount>()
    for (const [day, amount] of [...days].toSorted(([a], [b]) => (a < b ? -1 : 1))) add(periods, day.slice(0, letters), amount)
    if (periods.size <= most || letters === 4) return Array.from(periods, ([period, amount]) => ({ period, ...amount }))
  }
  return []
}

function add(amounts: Map<string, Amount>, key: string, { events, bytes }: Amount): void {
  const there = amounts.get(key) ?? { events: 0, bytes: 0 }
  amounts.set(key, { events: there.events + events, bytes: there.bytes + bytes })
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
