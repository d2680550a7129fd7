/** What a demonstration plays: what happened in a session, as far as a runtime would have done it. The sample is written in these. */
import type { Part } from '../import/moments.js'

/** Tokens that a model call took. */
export interface Tokens {
  input: number
  output: number
}

interface Happens {
  /** When it happened, in milliseconds since 1970; absent where nobody wrote it down. */
  at?: number
}

export type Moment = Happens &
  (
    | { kind: 'titled'; title: string }
    /** A person asks. `queued`: while the turn before still runs. */
    | { kind: 'prompted'; input: Part[]; queued?: true }
    /** Input that reaches a turn while it runs. */
    | { kind: 'steered'; input: Part[] }
    | { kind: 'reasoned'; text: string }
    | { kind: 'said'; text: string }
    /** The model wants a tool; `asks`: a person has to allow it first. */
    | { kind: 'called'; callId: string; name: string; arguments: unknown; asks?: string }
    | { kind: 'allowed'; callId: string; by: string }
    | { kind: 'returned'; callId?: string; status: 'ok' | 'error'; content: Part[] }
    | { kind: 'measured'; model?: string; tokens: Tokens }
    | { kind: 'ended'; how: 'completed' | 'failed' | 'cancelled'; reason?: string }
    | { kind: 'task'; taskId: string; title: string; does: 'enqueued' | 'started' | 'completed'; note?: string }
    | { kind: 'task'; taskId: string; title: string; does: 'progressed'; note: string; done: number }
  )

/** A session as it was found: what is known of it, everything that happened, and what had no place. */
export interface Story {
  id: string
  agent: string
  workspace?: string
  moments: Moment[]
  /** Rows that were read, and how many of them were passed over, by reason. */
  rows: number
  skipped: Record<string, number>
}

/** Counts a thing that was passed over, so that nothing is skipped in silence. */
export function count(skipped: Record<string, number>, reason: string): void {
  skipped[reason] = (skipped[reason] ?? 0) + 1
}
