/** Groups that are intact, whole or in part, as salvage takes them from one file and from another. */
import { isJournalError } from '../errors.js'
import { payloadOf, type Frame } from './frame.js'
import { readGroup } from './group.js'
import { lastPosition } from './record.js'
import { fromStart, salvage, type Saved } from './salvage.js'

/** Records that stood together, as they are on the disk. The payload is valid until the next is asked for. */
export interface Intact {
  first: number
  events: number
  records: number
  payload: Buffer
  /** The history's digest before and behind them, of a group that is whole, as far as it is known. */
  before?: Buffer
  digest?: Buffer
}

export const lastOf = ({ first, events }: Pick<Intact, 'first' | 'events'>): number => first + events - 1

/** A frame that checks, whole; where its records are not what its header says, those that are commits. */
export function* commitsIn(frame: Frame, before: Buffer | undefined): Generator<Intact> {
  const { header } = frame
  const { first, aux: events, count: records, digest } = header
  const payload = payloadOf(frame)
  if (isFit(frame)) {
    yield { first, events, records, payload, digest: Buffer.from(digest), ...(before === undefined ? {} : { before }) }
    return
  }
  const last = first + events - 1
  for (const saved of Object.values(salvage({ first, last, header, payload }))) {
    const fitting = Array.isArray(saved) ? saved.filter(({ commit }) => lastPosition(commit) <= last) : []
    if (fitting.length > 0) yield together(payload, fitting)
  }
}

/** Whether a program that keeps to the format may have written a frame that checks. */
function isFit(frame: Frame): boolean {
  try {
    readGroup(frame)
    return true
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return false
    throw error
  }
}

/** Those of its records that lie whole behind one position and before another. */
export function between(group: Intact, after: number, before: number): Intact | undefined {
  const { first, payload } = group
  if (first > after && lastOf(group) < before) return group
  const left = fromStart(payload, first).before.filter(({ commit }) => commit.position > after && lastPosition(commit) < before)
  return left.length === 0 ? undefined : together(payload, left)
}

/** Records that stand side by side in a payload. */
export function together(payload: Buffer, saved: readonly Saved[]): Intact {
  const [first, last] = [saved[0] as Saved, saved.at(-1) as Saved]
  const events = saved.reduce((sum, { commit }) => sum + commit.events.length, 0)
  return { first: first.commit.position, events, records: saved.length, payload: payload.subarray(first.at, last.end) }
}
