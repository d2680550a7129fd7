/** What happens in a session, told neutrally: every format is read into these, and what becomes of them is decided in one place. */
import type { Fields } from './fields.js'

export type Part =
  | { type: 'text'; text: string }
  | { type: 'image' | 'file'; url?: string; path?: string; name?: string; mediaType?: string }
  | { type: 'json'; value: unknown }

/** What model calls took. `inputTokens` is all that went in, from caches or not. */
export interface Usage {
  inputTokens?: number
  outputTokens?: number
  cacheReadTokens?: number
  cacheWriteTokens?: number
  reasoningTokens?: number
  totalTokens?: number
  cost?: number
}

export type Outcome = 'ok' | 'error' | 'denied' | 'cancelled' | 'timed-out' | 'not-run'
export type End = 'completed' | 'failed' | 'cancelled' | 'interrupted'

/** What is known of a session as a whole; the names are those of `session.created`. */
export interface SessionFields {
  title?: string
  agent?: string
  model?: string
  provider?: string
  mode?: string
  workspace?: string
  worktree?: string | Fields
  instructions?: string
  parent?: { stream: string; threadId?: string; callId?: string }
  project?: string
  pinned?: boolean
  tags?: string[]
  extra?: Fields
}

interface Happens {
  /** When it happened, in milliseconds since 1970; absent where nobody wrote it down. */
  at?: number
  /** The thread it happened in, where that is not the main one. */
  thread?: string
  /** What the source says beside this and no field holds. */
  extra?: Fields
  /** Why this was concluded and not read. */
  inferred?: string
}

export type Moment = Happens &
  (
    | { kind: 'session'; data: SessionFields }
    | { kind: 'titled'; title: string }
    /** A person asks. `queued`: it waits, because the turn before still runs. `turnId`: what the source calls the turn. */
    | {
        kind: 'prompted'
        input: Part[]
        attachments?: Part[]
        queued?: true
        turnId?: string
        role?: string
        model?: string
        provider?: string
        workspace?: string
        /** The source does not say how this turn ended, though it does so of others. */
        unended?: true
      }
    /** A turn that waited begins. */
    | { kind: 'started'; turnId: string }
    /** Input that reaches a turn while it runs. */
    | { kind: 'steered'; input: Part[]; role?: string }
    | { kind: 'reasoned' | 'said'; text: string; item?: string; model?: string; provider?: string; stopReason?: string }
    /** Model output that is no text: an image, a structure. */
    | { kind: 'showed'; content: Part[]; role?: string }
    /** A piece of what a model streams; `said` or `reasoned` with the same `item` completes it. */
    | { kind: 'streamed'; item: string; of: 'message' | 'reasoning'; text: string }
    /** The model wants a tool. `callId` is left out where the source names none; `asks`: a person has to allow it first. */
    | { kind: 'called'; callId?: string; name: string; arguments: unknown; asks?: string; title?: string }
    | { kind: 'asked'; askId: string; callId?: string; question?: string; name?: string }
    | { kind: 'answered'; askId: string; decision: string; by?: string; remember?: boolean }
    /** The person is asked something else than for leave. */
    | { kind: 'questioned'; inputId: string; question?: string; options?: string[]; callId?: string }
    | { kind: 'replied'; inputId: string; answer?: string; declined?: boolean }
    /** `callId` is left out where the source names none: the oldest open call is meant. */
    | { kind: 'returned'; callId?: string; name?: string; status: Outcome; content: Part[]; durationMs?: number }
    | { kind: 'lost'; callId: string; cause: string }
    | { kind: 'measured'; model?: string; usage: Usage }
    | { kind: 'ended'; how: End; turnId?: string; reason?: string; stopReason?: string; durationMs?: number }
    | {
        kind: 'compacted'
        /** The last turn that the summary stands for; everything up to here where none is named. */
        through?: string
        summary?: string
        content?: Part[]
        tokensBefore?: number
        tokensAfter?: number
        model?: string
        trigger?: string
      }
    /** What came after a turn is hidden; everything where no turn is named. */
    | { kind: 'rewound'; to?: string; reason?: string }
    /** A thread that begins as another one was at the end of a turn, or at its beginning where none is named. */
    | { kind: 'branched'; thread: string; from?: string; through?: string; title?: string }
    /** A thread beside the main one, such as a sub-agent's. */
    | { kind: 'threaded'; thread: string; of?: string; title?: string; callId?: string }
    /** Something that has no place among the events; it is kept as it is. */
    | { kind: 'noted'; what: string }
    /** An event of a stream that is no session: a task. */
    | { kind: 'event'; type: string; data: Fields }
  )

/** What a record is called, beside the first of its moments. */
export function named(moments: readonly Moment[], ids: Fields): Moment[] {
  const [first, ...others] = moments
  if (first === undefined || Object.keys(ids).length === 0) return [...moments]
  return [{ ...first, extra: { ...ids, ...first.extra } }, ...others]
}

export const text = (said: string): Part[] => [{ type: 'text', text: said }]
