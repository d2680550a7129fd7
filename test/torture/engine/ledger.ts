/** The oracle of the whole engine: what was asked and answered, and whether the events of a journal that was opened again agree. */
import { isDeepStrictEqual } from 'node:util'
import type { RecordedEvent } from '../../../src/define.js'
import { isJournalError } from '../../../src/errors.js'
import type { Durability, Receipt } from '../../../src/storage/commit-store.js'
import type { Operation } from './operations.js'

export interface Asked {
  operation: Operation
  outcome: 'waiting' | Durability | 'none' | 'unknown'
  receipt?: Receipt
}

/** What the events of an operation carry, beside their own data. */
interface Mark {
  n: number
  i: number
  of: number
}

export class Ledger {
  /** Events that an open journal has shown, as JSON. */
  #certain: string[] = []
  /** Asked since the journal was last looked at. */
  asked: Asked[] = []
  /** Commit ids that are in the journal, with the position of their last own event. */
  readonly recorded = new Map<string, number>()
  readonly broken: string[] = []

  clone(): Ledger {
    const copy = new Ledger()
    copy.#certain = this.#certain
    copy.asked = this.asked.map((asked) => ({ ...asked }))
    for (const [commitId, position] of this.recorded) copy.recorded.set(commitId, position)
    return copy
  }

  async ask(operation: Operation, append: (operation: Operation) => Promise<Receipt>): Promise<void> {
    const asked: Asked = { operation, outcome: 'waiting' }
    this.asked.push(asked)
    try {
      asked.receipt = await append(operation)
      asked.outcome = asked.receipt.durability
    } catch (error) {
      const outcome = isJournalError(error) ? error.details.outcome : undefined
      if (outcome === undefined) this.broken.push(`${operation.commitId} was rejected without an outcome: ${String(error)}`)
      else asked.outcome = outcome
    }
  }

  judge(events: readonly RecordedEvent[], power: boolean): void {
    this.#unchanged(events)
    this.#dense(events)
    const before = new Set(this.recorded.keys())
    this.#collect(events)
    // Of what was asked twice the last answer counts, and a first one that was promised.
    for (const { operation, outcome, receipt } of this.asked) {
      const { commitId } = operation
      const at = this.recorded.get(commitId)
      const promised = outcome === 'disk' || (outcome === 'os' && !power)
      if (promised && at === undefined) this.broken.push(`LOST: ${commitId}, acknowledged at ${receipt?.position}`)
      if (receipt !== undefined && at !== undefined) this.#receipt(operation, receipt, at, events)
      const again = before.has(commitId) || this.asked.some((other) => other.operation === operation && other.outcome !== 'none')
      if (outcome === 'none' && at !== undefined && !again) this.broken.push(`${commitId} left nothing, it said, and is at ${at}`)
    }
    this.#certain = events.map((event) => JSON.stringify(event))
    this.asked = []
  }

  #unchanged(events: readonly RecordedEvent[]): void {
    if (events.length < this.#certain.length) this.broken.push(`LOST: ${events.length} of ${this.#certain.length} events are left`)
    const changed = this.#certain.findIndex((json, i) => i < events.length && json !== JSON.stringify(events[i]))
    if (changed >= 0) this.broken.push(`position ${changed + 1} was ${this.#certain[changed]} and is ${JSON.stringify(events[changed])}`)
  }

  #dense(events: readonly RecordedEvent[]): void {
    const versions = new Map<string, number>()
    for (const [i, { position, stream, version, at }] of events.entries()) {
      const expected = (versions.get(stream) ?? 0) + 1
      if (position !== i + 1 || version !== expected)
        this.broken.push(`event ${i + 1} has position ${position}, version ${version} where ${expected} was due`)
      versions.set(stream, version)
      if (at < (events[i - 1]?.at ?? at)) this.broken.push(`event ${i + 1} is of before the one before it`)
    }
  }

  /** Finds the operations in new events: each whole, in one piece, once, and as it was asked. */
  #collect(events: readonly RecordedEvent[]): void {
    const asked = new Map(this.asked.map(({ operation }) => [operation.commitId, operation]))
    for (let at = this.#certain.length; at < events.length; at++) {
      const mark = markOf(events[at]!)
      if (mark === undefined) continue
      const commitId = `op-${mark.n}`
      const wanted = asked.get(commitId)
      const found = events.slice(at, at + mark.of)
      if (this.recorded.has(commitId)) this.broken.push(`TWICE: ${commitId} is at ${this.recorded.get(commitId)} and at ${at + 1}`)
      else if (wanted === undefined || !isWhole(found, wanted))
        this.broken.push(`${commitId} at ${at + 1} is not as it was asked: ${JSON.stringify(found)}`)
      at += mark.of - 1
      this.recorded.set(commitId, at + 1)
    }
  }

  /** A receipt names the end of the commit: its own last event, or one that the engine added behind it. */
  #receipt({ commitId, stream }: Operation, { position, version }: Receipt, at: number, events: readonly RecordedEvent[]): void {
    const last = events[position - 1]
    if (position < at || last?.stream !== stream || last.version !== version)
      this.broken.push(`${commitId} was told ${position}, version ${version}, and ends at ${at}: ${JSON.stringify(last)}`)
  }
}

function markOf({ data }: RecordedEvent): Mark | undefined {
  return (data as { extra?: Mark }).extra
}

function isWhole(found: readonly RecordedEvent[], { stream, events }: Operation): boolean {
  return (
    found.length === events.length &&
    found.every((event, i) => {
      const wanted = events[i]!
      const data = event.data as Record<string, unknown>
      return (
        event.stream === stream &&
        event.type === wanted.type &&
        Object.entries(wanted.data as object).every(([name, value]) => isDeepStrictEqual(data[name], value))
      )
    })
  )
}
