/** Gap records: what repair and salvage write down of a place that cannot be read, so that it counts as known and no longer as damage. */
import type { Damage } from '../errors.js'
import type { Head, Loss } from './commit-store.js'
import { payloadOf, type Frame } from './frame.js'
import { headOf, notAsWritten } from './group.js'
import { NotPlain } from './plain.js'
import { isCount } from './plain.js'
import { pack, unpack } from './record.js'

/** What the journal itself says of a place, so that nothing near it can be exchanged later. Each is absent where it cannot be known. */
export interface Evidence {
  /** History digest at the last group end before the place. */
  before?: Buffer
  /** SHA-256 of the bytes that cannot be read, as they were then. */
  sha256?: Buffer
  /** SHA-256 of the first frame behind them, which continues a history that cannot be worked out again. */
  next?: Buffer
}

/** A place in history that cannot be read, as it is written down. */
export interface Lost extends Omit<Loss, 'at'>, Evidence {}

/** A place that was written down, when, and the history's end behind that. */
export interface RecordedGap extends Lost {
  at: number
  head: Head
}

/** What the journal itself says of the place is of no use in another one. */
export function lossOf({ first, last, segment, offset, bytes, reason, streams, at }: RecordedGap): Loss {
  return { first, last, segment, offset, bytes, reason, ...(streams === undefined ? {} : { streams }), at }
}

/** The payload of a gap frame. */
interface PackedGaps {
  at: number
  gaps: Lost[]
}

export function packGaps(at: number, gaps: readonly Lost[]): Buffer {
  return pack({ at, gaps: [...gaps] } satisfies PackedGaps)
}

/** What a frame that checks says is lost. @throws JournalError JOURNAL_DAMAGED if it says nothing of the kind. */
export function gapsIn(frame: Frame): RecordedGap[] {
  try {
    return unpackGaps(payloadOf(frame), headOf(frame))
  } catch (error) {
    throw notAsWritten(frame, error)
  }
}

/** @throws NotPlain */
export function unpackGaps(payload: Buffer, head: Head): RecordedGap[] {
  const { at, gaps } = (unpack(payload) ?? {}) as Partial<PackedGaps>
  if (!isTime(at) || !Array.isArray(gaps) || !gaps.every(isLost)) throw new NotPlain('it does not say what is lost')
  return gaps.map((gap) => ({ ...gap, at, head }))
}

function isLost(value: unknown): value is Lost {
  const { first, last, segment, offset, bytes, reason, streams, before, sha256, next } = (value ?? {}) as Partial<
    Record<keyof Lost, unknown>
  >
  return (
    [first, last, offset, bytes].every(isCount) &&
    typeof segment === 'string' &&
    typeof reason === 'string' &&
    [before, sha256, next].every((hash) => hash === undefined || hash instanceof Uint8Array) &&
    (streams === undefined ||
      (Array.isArray(streams) && streams.every((one) => Array.isArray(one) && typeof one[0] === 'string' && isCount(one[1]))))
  )
}

/** As the header of every later segment says it again. */
export function isRecorded(value: unknown): value is RecordedGap {
  if (!isLost(value)) return false
  const { at, head } = value as Partial<Record<keyof RecordedGap, unknown>>
  return isTime(at) && isHead(head)
}

/** Milliseconds that a date can have: it is told as one. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15
}

export function isHead(value: unknown): value is Head {
  const { position, digest } = (value ?? {}) as Partial<Record<keyof Head, unknown>>
  return isCount(position) && typeof digest === 'string'
}

/** As it is told: `recordedAt` is what tells it from damage that nobody has dealt with. */
export function damageOf({ first, last, segment, offset, bytes, reason, streams, at }: Omit<RecordedGap, 'head'>): Damage {
  const known = streams === undefined ? {} : { streams: streams.map(([stream]) => stream) }
  return { segment, offset, bytes, firstPosition: first, lastPosition: last, ...known, reason, recordedAt: at }
}

/** Whether what was found is what was written down. */
export function covers(gap: RecordedGap, found: Damage): boolean {
  return isPartOf(damageOf(gap), found)
}

/** Whether one finding is a part of another: its positions where it has any, else its bytes; and a segment that is missing right behind it. */
export function isPartOf(whole: Damage, { segment, offset, bytes, firstPosition, lastPosition }: Damage): boolean {
  const last = lastPosition ?? firstPosition
  const end = whole.lastPosition ?? Number.POSITIVE_INFINITY
  if (last >= firstPosition) return whole.firstPosition <= firstPosition && last <= end
  if (whole.segment === segment) return whole.offset <= offset && offset + bytes <= whole.offset + whole.bytes
  return bytes === 0 && end >= whole.firstPosition && end + 1 === firstPosition
}

/** Takes out of a list, in place, what was written down. */
export function forget(damage: Damage[], recorded: readonly RecordedGap[]): void {
  const left = damage.filter((found) => !recorded.some((gap) => covers(gap, found)))
  damage.splice(0, damage.length, ...left)
}

/** The last version that a stream is known to have reached in a gap, 0 if it is not known to have been there. */
export function versionIn(gap: RecordedGap, stream: string): number {
  return gap.streams?.find(([name]) => name === stream)?.[1] ?? 0
}

export function sameEvidence(a: Evidence, b: Evidence): boolean {
  return same(a.before, b.before) && same(a.sha256, b.sha256) && same(a.next, b.next)
}

function same(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b)
}
