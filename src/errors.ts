/** Every code a {@link JournalError} can carry, with what it means. Codes are stable; messages are not. */
export const errorCodes = {
  JOURNAL_VERSION_CONFLICT: 'the stream is not at the version that the writer expected',
  JOURNAL_COMMIT_ID_REUSED: 'the commit id already stands for another commit',
  JOURNAL_EVENT_INVALID: 'an event does not fit the catalogue, or its value cannot be stored exactly',
  JOURNAL_LAW_BROKEN: 'the event may not follow what the stream already holds',
  JOURNAL_LIMIT: 'a value is larger than a limit allows',
  JOURNAL_UNKNOWN_EVENT: 'the journal holds an event type that this program does not know',
  JOURNAL_NEWER_FORMAT: 'the journal was written in a newer format than this program reads',
  JOURNAL_NEWER_SCHEMA: 'the journal holds events of a newer schema than this program reads',
  JOURNAL_UPCASTER_MISSING: 'a step from an older schema to the next is missing or stands twice',
  JOURNAL_UPCASTER_FAILED: 'a step from an older schema threw, or its result does not fit the next shape',
  JOURNAL_PROJECTION_FAILED: 'a projection threw while it folded an event',
  JOURNAL_NOT_FOUND: 'there is no journal in the directory',
  JOURNAL_READ_ONLY: 'the journal was opened for reading',
  JOURNAL_LOCKED: 'another process or handle writes to the journal',
  JOURNAL_FENCED: 'a newer writer has taken the journal over',
  JOURNAL_CLOSED: 'the journal is closed',
  JOURNAL_POISONED: 'a write or sync failed; nothing more is written until the journal is opened again',
  JOURNAL_DAMAGED: 'bytes that were once promised no longer check',
  JOURNAL_HISTORY_CHANGED: 'a position or digest from before is no longer part of the history',
  JOURNAL_DISK_FULL: 'the disk, the quota or the file size limit is exhausted',
  JOURNAL_IO: 'the operating system reported an error',
} as const

export type JournalErrorCode = keyof typeof errorCodes

/** A range of bytes that once were promised and no longer check, and what is known of what they held. */
export interface Damage {
  /** File name of the segment. */
  segment: string
  /** Where in that file the damage begins, in bytes. */
  offset: number
  /** How many bytes are affected. */
  bytes: number
  /** First position that is missing. */
  firstPosition: number
  /** Last position that is missing; absent where it cannot be known. */
  lastPosition?: number
  /** Streams that are known to be affected; absent where they cannot be known. */
  streams?: string[]
  reason: string
  /** When a repair or a salvage wrote down that it is lost; absent while it still counts as damage. */
  recordedAt?: number
}

/** What happened to an append that was rejected: nothing was written, or it cannot be known before the journal is opened again. */
export type Outcome = 'none' | 'unknown'

/** What each code's error carries besides its message. */
export interface ErrorDetails {
  JOURNAL_VERSION_CONFLICT: { stream: string; expected: number; actual: number }
  JOURNAL_COMMIT_ID_REUSED: { commitId: string; stream?: string; position?: number }
  JOURNAL_EVENT_INVALID: { type?: string; schema?: number; index?: number; path?: (string | number)[]; reason: string }
  JOURNAL_LAW_BROKEN: { stream: string; law: string; type: string; index: number; reason: string }
  JOURNAL_LIMIT: { limit: string; value: number; max: number }
  JOURNAL_UNKNOWN_EVENT: { type: string; schema?: number; position?: number }
  JOURNAL_NEWER_FORMAT: { found: number; supported: number }
  JOURNAL_NEWER_SCHEMA: { type: string; found: number; supported: number; position?: number }
  JOURNAL_UPCASTER_MISSING: { type: string; from: number; to: number }
  JOURNAL_UPCASTER_FAILED: { type: string; schema: number; position?: number; stream?: string }
  JOURNAL_PROJECTION_FAILED: { projection: string; key?: unknown; position?: number }
  JOURNAL_NOT_FOUND: { directory: string }
  JOURNAL_READ_ONLY: { directory: string }
  JOURNAL_LOCKED: { directory: string }
  JOURNAL_FENCED: { directory: string; epoch: number }
  JOURNAL_CLOSED: { directory: string }
  JOURNAL_POISONED: { directory: string }
  JOURNAL_DAMAGED: { directory?: string; damage: Damage[] }
  JOURNAL_HISTORY_CHANGED: { position: number; digest?: string }
  JOURNAL_DISK_FULL: { path?: string; errno?: string }
  JOURNAL_IO: { path?: string; errno?: string; segment?: string; offset?: number }
}

/**
 * The one error class. `code` says what happened and never changes its meaning, `details` carry the facts,
 * `message` names the way out, `cause` is the error underneath. An error that `append` rejects with has
 * `details.outcome`.
 */
export class JournalError<C extends JournalErrorCode = JournalErrorCode> extends Error {
  override readonly name = 'JournalError'
  readonly code: C
  readonly details: ErrorDetails[C] & { outcome?: Outcome }

  constructor(code: C, message: string, details: ErrorDetails[C] & { outcome?: Outcome }, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

/** Whether `error` is a {@link JournalError}, and of `code` where one is named. */
export function isJournalError<C extends JournalErrorCode = JournalErrorCode>(error: unknown, code?: C): error is JournalError<C> {
  return error instanceof JournalError && (code === undefined || error.code === code)
}

/** The same error with its outcome stated; errors of other kinds are returned as they are. */
export function withOutcome(error: unknown, outcome: Outcome): unknown {
  if (!(error instanceof JournalError) || error.details.outcome !== undefined) return error
  return new JournalError(error.code, error.message, { ...error.details, outcome } as never, { cause: error.cause ?? error })
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** An operating system's error as a {@link JournalError}; a journal error passes through. */
export function ioError(error: unknown, doing: string, path?: string): JournalError {
  if (error instanceof JournalError) return error
  const errno = (error as NodeJS.ErrnoException | undefined)?.code
  const details = { ...(path === undefined ? {} : { path }), ...(errno === undefined ? {} : { errno }) }
  const where = path === undefined ? '' : ` ${path}`
  if (errno !== undefined && FULL.has(errno)) {
    return new JournalError(
      'JOURNAL_DISK_FULL',
      `${doing}${where}: no space left (${errno}). Free space, then open the journal again.`,
      details,
      { cause: error },
    )
  }
  const why = error instanceof Error ? error.message : String(error)
  return new JournalError('JOURNAL_IO', `${doing}${where}: ${why}`, details, { cause: error })
}
