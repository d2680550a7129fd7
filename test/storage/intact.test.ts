/** What is still there of a frame that does not check, record by record; and of frames that check and are not what they say. */
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { Kind, makeFrame, nextDigest, NO_HISTORY, parseHeader, type Frame, type FrameHeader } from '../../src/storage/frame.js'
import { between, commitsIn, lastOf, together, type Intact } from '../../src/storage/intact.js'
import { encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'
import { fromStart, salvage, type Saved } from '../../src/storage/salvage.js'
import type { Hole } from '../../src/storage/walk.js'
import { event } from './support/notes.js'

const JOURNAL = Buffer.alloc(16, 7)

function record(body: Buffer): Buffer {
  const bytes = Buffer.alloc(RECORD_HEAD_BYTES + body.length)
  putRecord(bytes, 0, body)
  return bytes
}

function commit(stream: string, events: number, flags = 0): Buffer {
  return record(encodeCommit({ stream, version: 1, at: 1, events: Array.from({ length: events }, (_, n) => ({ ...event(n), flags })) }))
}

/** Positions 10; 11 and 12; 13. */
const [A, B, C] = [commit('a', 1), commit('b', 2), commit('c', 1)] as const
const NO_COMMIT = record(Buffer.from([0xc0]))

/** The same bytes, of which the last does not check. */
function rotten(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length - 1]! ^= 1
  return copy
}

/** The same, with a length that leads nowhere. */
function astray(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt32LE(copy.readUInt32LE(4) + 1, 4)
  return copy
}

function frameOf(records: readonly Buffer[], more: Partial<FrameHeader> = {}): Frame {
  const header = { kind: Kind.data, align: 3, flags: 0, count: records.length, group: 4, first: 10, journal: JOURNAL, aux: 4 }
  const payload = Buffer.concat(records)
  const bytes = makeFrame({ ...header, digest: nextDigest(NO_HISTORY, 10, payload), ...more }, payload)
  return { header: parseHeader(bytes, 0) as FrameHeader, offset: 512, end: 512 + bytes.length, bytes, at: 96 }
}

function holeOf(records: readonly Buffer[], more: Partial<Hole> = {}, said: Partial<FrameHeader> = {}): Hole {
  const { header, offset, end } = frameOf(records, said)
  return { offset, end, reason: 'payload checksum', first: 10, last: 13, final: false, header, payload: Buffer.concat(records), ...more }
}

const streams = (saved: readonly Saved[]): string[] => saved.map(({ commit: { stream, position } }) => `${stream}@${position}`)

describe('of a frame that does not check', () => {
  test.each<[string, Hole, string[], [number, number | undefined] | undefined, string[]]>([
    ['of which no payload is there nothing is', holeOf([A, B, C], { payload: undefined as never }), [], [10, 13], []],
    ['that is no group nothing is', holeOf([A, B, C], {}, { kind: Kind.snapshot }), [], [10, 13], []],
    ['of which nothing is missing nothing is lost', holeOf([A, B, C], { last: 9 }), [], undefined, []],
    ['with one missing position that one is lost', holeOf([rotten(A)], { last: 10 }, { aux: 1 }), [], [10, 10], []],
    ['whose records are all intact all are', holeOf([A, B, C]), ['a@10', 'b@11', 'c@13'], undefined, []],
    ['that ends nobody knows where all are', holeOf([A, B, C], { last: undefined }), ['a@10', 'b@11', 'c@13'], undefined, []],
    ['before frames that are gone those are lost', holeOf([A, B, C], { last: 14 }), ['a@10', 'b@11', 'c@13'], [14, 14], []],
    ['whose first is not, those behind it are', holeOf([rotten(A), B, C]), [], [10, 10], ['b@11', 'c@13']],
    ['whose second is not, those around it are', holeOf([A, rotten(B), C]), ['a@10'], [11, 12], ['c@13']],
    ['whose last is not, those before it are', holeOf([A, B, rotten(C)]), ['a@10', 'b@11'], [13, 13], []],
    ['whose two outer are not, none is', holeOf([rotten(A), B, rotten(C)]), [], [10, 13], []],
    ['and of those behind it, what stands behind is lost with them', holeOf([A, rotten(B), C], { last: 14 }), ['a@10'], [11, 14], []],
    ['of which the end is not known its own is', holeOf([A, B, rotten(C)], { last: undefined }), ['a@10', 'b@11'], [13, 13], []],
    ['with a length that leads astray those before are', holeOf([A, astray(B), C]), ['a@10'], [11, 13], []],
    ['that counts fewer records nothing is lost', holeOf([A, B, C], {}, { count: 2 }), ['a@10', 'b@11', 'c@13'], undefined, []],
    ['that counts fewer events nothing is lost', holeOf([A, B, C], {}, { aux: 2 }), ['a@10', 'b@11', 'c@13'], undefined, []],
    [
      'and is followed by what stands where it had more, no more is lost',
      holeOf([A, B, rotten(C)], { last: 11 }),
      ['a@10', 'b@11'],
      undefined,
      [],
    ],
    [
      'that counts fewer events, those behind a bad one have no position',
      holeOf([A, rotten(B), C, C], { last: undefined }, { aux: 2 }),
      ['a@10'],
      [11, 11],
      [],
    ],
    [
      'that is cut within a record those before are',
      holeOf([A, B, C], { payload: Buffer.concat([A, B, C.subarray(0, 9)]) }),
      ['a@10', 'b@11'],
      [13, 13],
      [],
    ],
    ['that is cut behind a record those before are', holeOf([A, B, C], { payload: Buffer.concat([A, B]) }), ['a@10', 'b@11'], [13, 13], []],
    [
      'that is cut, nobody knows where those behind a bad one stand',
      holeOf([A, B, C], { payload: Buffer.concat([rotten(A), B]) }),
      [],
      [10, 13],
      [],
    ],
    ['a record that checks and is no commit is lost', holeOf([A, NO_COMMIT, C]), ['a@10'], [11, 12], ['c@13']],
    ['what stands before one that is no commit is not placed from behind', holeOf([rotten(A), NO_COMMIT, C]), [], [10, 12], ['c@13']],
    [
      'that says more events than it has, the rest is lost',
      holeOf([A, B, C], { last: 14 }, { aux: 5 }),
      ['a@10', 'b@11', 'c@13'],
      [14, 14],
      [],
    ],
    [
      'of whose header nothing is known all that follow are',
      holeOf([A, B, rotten(C)], { header: undefined as never }),
      ['a@10', 'b@11'],
      [13, 13],
      [],
    ],
    [
      'without header or end',
      holeOf([A, B, rotten(C)], { header: undefined as never, last: undefined }),
      ['a@10', 'b@11'],
      [13, undefined],
      [],
    ],
    ['without header, all of which are there', holeOf([A, B, C], { header: undefined as never }), ['a@10', 'b@11', 'c@13'], undefined, []],
    ['without header, and before frames that are gone', holeOf([A, B], { header: undefined as never }), ['a@10', 'b@11'], [13, 13], []],
  ])('%s', (_, hole, before, lost, after) => {
    const found = salvage(hole)
    expect(streams(found.before)).toEqual(before)
    expect(found.lost && [found.lost.first, found.lost.last]).toEqual(lost)
    expect(streams(found.after)).toEqual(after)
    // Where they lie in the payload.
    for (const {
      at,
      end,
      commit: { stream },
    } of [...found.before, ...found.after])
      expect(hole.payload?.subarray(at, end)).toEqual({ a: A, b: B, c: C }[stream])
  })
})

describe('records that are intact', () => {
  const all = Buffer.concat([A, B, C])

  test('are read from the start as far as they go', () => {
    const { before, at, position } = fromStart(Buffer.concat([A, B, rotten(C)]), 10)
    expect(streams(before)).toEqual(['a@10', 'b@11'])
    expect([at, position]).toEqual([A.length + B.length, 13])
  })

  test('go together as they lie side by side', () => {
    const { before } = fromStart(all, 10)
    expect(together(all, before.slice(1))).toEqual({ first: 11, events: 3, records: 2, payload: Buffer.concat([B, C]) })
    expect(lastOf({ first: 11, events: 3 })).toBe(13)
  })

  test.each<[after: number, before: number, first: number | undefined, payload: Buffer | undefined]>([
    [9, 14, 10, all],
    [8, 15, 10, all],
    [9, 13, 10, Buffer.concat([A, B])],
    [10, 14, 11, Buffer.concat([B, C])],
    [11, 14, 13, C],
    [10, 13, 11, B],
    [9, 12, 10, A],
    [10, 12, undefined, undefined],
    [13, 20, undefined, undefined],
    [0, 10, undefined, undefined],
  ])('behind position %i and before %i are those that lie there whole', (after, before, first, payload) => {
    const [group] = [...commitsIn(frameOf([A, B, C]), NO_HISTORY)]
    const found = between(group as Intact, after, before)
    expect(found?.first).toBe(first)
    expect(found?.payload).toEqual(payload)
    // Only of a whole group it is known what history it belongs to.
    expect(found?.digest !== undefined).toBe(payload === all)
  })
})

describe('a frame that checks', () => {
  const summary = (frame: Frame, before?: Buffer): unknown[] =>
    [...commitsIn(frame, before)].map(({ first, events, records, payload }) => [first, events, records, payload])

  test('is given whole, with the digests before and behind it', () => {
    const frame = frameOf([A, B, C])
    const payload = Buffer.concat([A, B, C])
    const digest = nextDigest(NO_HISTORY, 10, payload)
    expect([...commitsIn(frame, NO_HISTORY)]).toEqual([{ first: 10, events: 4, records: 3, payload, digest, before: NO_HISTORY }])
    const [unknown] = [...commitsIn(frame, undefined)]
    expect(unknown).not.toHaveProperty('before')
    frame.header.digest.fill(0)
    expect(unknown?.digest).toEqual(digest)
  })

  test.each<[string, Frame, unknown[]]>([
    ['fewer records', frameOf([A, B, C], { count: 2 }), [[10, 4, 3, Buffer.concat([A, B, C])]]],
    ['fewer events', frameOf([A, B, C], { aux: 3 }), [[10, 3, 2, Buffer.concat([A, B])]]],
    ['no event', frameOf([A, B, C], { aux: 0 }), []],
    ['more events', frameOf([A, B, C], { aux: 5 }), [[10, 4, 3, Buffer.concat([A, B, C])]]],
  ])('and says %s than it holds is given as far as it says', (_, frame, wanted) => {
    expect(summary(frame, NO_HISTORY)).toEqual(wanted)
    for (const group of commitsIn(frame, NO_HISTORY)) expect(group).not.toHaveProperty('digest')
  })

  test('and holds something else among its commits is given around that', () => {
    expect(summary(frameOf([A, NO_COMMIT, C]))).toEqual([
      [10, 1, 1, A],
      [13, 1, 1, C],
    ])
  })

  test('and is of a later format is refused as that', () => {
    const later = frameOf([A, commit('b', 2, 128), C])
    expect(() => summary(later)).toThrow(expect.toSatisfy((error) => isJournalError(error, 'JOURNAL_NEWER_FORMAT')))
  })
})
