/** What an append is refused with while it is decided, and the way out. */
import { JournalError } from '../errors.js'
import type { Decision } from './laws.js'

/** @throws JournalError JOURNAL_VERSION_CONFLICT */
export function checkVersion(stream: string, { expectedVersion }: { expectedVersion?: number }, version: number): void {
  if (expectedVersion !== undefined && expectedVersion !== version) throw conflict(stream, expectedVersion, version)
}

function conflict(stream: string, expected: number, actual: number): JournalError {
  return new JournalError(
    'JOURNAL_VERSION_CONFLICT',
    `${JSON.stringify(stream)} is at version ${actual}, not ${expected}. Read what was added, decide again, and append with expectedVersion ${actual}.`,
    {
      stream,
      expected,
      actual,
    },
  )
}

export function reused(commitId: string, details: { stream?: string; position?: number }): JournalError {
  return new JournalError(
    'JOURNAL_COMMIT_ID_REUSED',
    `The commit id ${JSON.stringify(commitId)} stands for another commit. Use a new id for new events.`,
    { commitId, ...details },
  )
}

export function alreadyTaken(stream: string, claim: string, decision: Decision): JournalError {
  const slash = claim.indexOf('/')
  const law = claim.slice(0, slash)
  const name = claim.slice(slash + 1)
  const reason = `${name} was used before in this stream; ids are used once`
  return new JournalError('JOURNAL_LAW_BROKEN', `${JSON.stringify(stream)}: ${reason}.`, {
    stream,
    law,
    type: decision.events[0]?.type ?? '',
    index: 0,
    reason,
  })
}

export function tooLarge(value: number, max: number): JournalError {
  return new JournalError(
    'JOURNAL_LIMIT',
    `The commit takes up to ${value} bytes, the limit commitBytesMax is ${max}. Split it, or store the large value by reference.`,
    { limit: 'commitBytesMax', value, max },
  )
}
