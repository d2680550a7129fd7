/**
 * What a writer does once its journal is open: close what was running when the last writer ended, and say what is open.
 */
import type { CommitStore } from '../storage/commit-store.js'
import { JournalError } from '../errors.js'
import type { Appender } from './appender.js'
import type { Laws, LawStates } from './laws.js'

export interface InterruptedTurn {
  stream: string
  threadId: string
  turnId: string
  attempt: number
  /** `crash` or `shutdown` where the engine closed it, else what the runtime said. */
  cause: string
  /** Calls that have no outcome of their own: those that ran when it was cut off, and those that were requested and never started. */
  calls: string[]
}

export interface OpenWorkReport {
  /** Turns that were interrupted and not started again. */
  interrupted: InterruptedTurn[]
  /** Turns that were submitted and wait to be started. */
  pending: { stream: string; threadId: string; turnId: string }[]
  /** Tasks that were interrupted and not taken up again. */
  tasks: { stream: string; taskId: string; attempt: number; cause: string }[]
  /** Streams whose open work cannot be told, and why. */
  unknown: { stream: string; error: JournalError }[]
}

/** A stream in which what ran is left as it is, because what closes it cannot be written for the reader that `writeFor` names. */
export interface Unclosed {
  stream: string
  error: JournalError
}

/**
 * Closes what a death left open: one commit for each stream, all of them queued together so that they share a group. Resolves with the
 * streams that are left to a writer without `writeFor`.
 */
export async function closeInterrupted(store: CommitStore<LawStates>, appender: Appender): Promise<Unclosed[]> {
  const cause = store.recovery.clean ? 'shutdown' : 'crash'
  const streams = [...store.openStreams()]
  const left: Unclosed[] = []
  await Promise.all(
    streams.map((stream) =>
      appender.close(stream, cause, 'disk').catch((error: unknown) => {
        if (error instanceof JournalError && error.code === 'JOURNAL_EVENT_INVALID') left.push({ stream, error })
        else if (!isolated(error)) throw error
      }),
    ),
  )
  return left
}

/** Reads from the streams' law states what is open now. `orphaned`: whether nobody runs what runs in a stream any more. */
export async function reportOpenWork(
  store: CommitStore<LawStates>,
  laws: Laws,
  orphaned: (stream: string) => boolean,
): Promise<OpenWorkReport> {
  const report: OpenWorkReport = { interrupted: [], pending: [], tasks: [], unknown: [] }
  for (const stream of store.openStreams()) {
    try {
      for (const work of laws.report((await store.stream(stream)).note, orphaned(stream))) {
        report.interrupted.push(...work.interrupted.map((turn) => ({ stream, ...turn })))
        report.pending.push(...work.pending.map((turn) => ({ stream, ...turn })))
        report.tasks.push(...work.tasks.map((task) => ({ stream, ...task })))
      }
    } catch (error) {
      if (!isolated(error)) throw error
      report.unknown.push({ stream, error })
    }
  }
  return report
}

/** An error of one stream, which does not keep the others from opening. */
function isolated(error: unknown): error is JournalError {
  return error instanceof JournalError && ['JOURNAL_DAMAGED', 'JOURNAL_UPCASTER_FAILED', 'JOURNAL_NEWER_SCHEMA'].includes(error.code)
}
