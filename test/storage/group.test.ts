/** Groups: what a frame of commits holds, and what is no group though it checks. */
import { describe, expect, test } from 'vitest'
import type { NewCommit, StoredCommit } from '../../src/storage/commit-store.js'
import { HEADER_BYTES, Kind, makeFrame, parseHeader, type Frame, type FrameHeader } from '../../src/storage/frame.js'
import { bytesOf, commitNamed, headOf, makeGroup, readGroup } from '../../src/storage/group.js'
import { encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'

const head = (kind: number, header: Pick<FrameHeader, 'first' | 'aux' | 'count'>): number => {
  const zeros = { journal: Buffer.alloc(16), digest: Buffer.alloc(32) }
  const bytes = makeFrame({ ...zeros, ...header, kind, align: 3, flags: 0, group: 7 }, Buffer.alloc(16))
  return headOf({ header: parseHeader(bytes, 0)!, offset: 0, end: bytes.length, bytes, at: 96 }).position
}

test('behind a group history ends at its last event; behind any other frame where it ended before, whatever that frame counts', () => {
  expect(head(Kind.data, { first: 5, aux: 3, count: 2 })).toBe(7)
  // How many positions a gap record passes over, and where the segment before was sealed, are no events behind them.
  expect(head(Kind.gap, { first: 9, aux: 4, count: 0 })).toBe(8)
  expect(head(Kind.segment, { first: 9, aux: 70_000, count: 0 })).toBe(8)
})

const DIGEST = Buffer.alloc(32, 3)
const PLACE = { journal: Buffer.alloc(16, 1), align: 3, offset: 160, group: 7, first: 5, digest: DIGEST }

function commitOf(stream: string, commitId: string | undefined, ...data: string[]): NewCommit {
  const events = data.map((text) => ({ type: 't', schema: 1, data: text, flags: 0 }))
  return { stream, version: 1, at: 0, events, ...(commitId === undefined ? {} : { commitId }) }
}

const entriesOf = (commits: readonly NewCommit[]) => commits.map((commit) => ({ commit, bytes: encodeCommit(commit) }))

/** A frame as a reader has it, which may lie anywhere in its buffer. */
function frameAt(bytes: Buffer, before = 0): Frame {
  const all = Buffer.concat([Buffer.alloc(before, 0xee), bytes, Buffer.alloc(50, 0xee)])
  const header = parseHeader(all, before)!
  return { header, offset: 160, end: 160 + bytes.length, bytes: all, at: before + HEADER_BYTES }
}

/** The frame of a payload that nobody made a group of. */
function forged(payload: Buffer, { count, aux = count }: { count: number; aux?: number }): Frame {
  return frameAt(
    makeFrame({ kind: Kind.data, align: 3, flags: 0, group: 7, first: 5, count, aux, journal: PLACE.journal, digest: DIGEST }, payload),
  )
}

function payloadOf(...commits: NewCommit[]): Buffer {
  return Buffer.concat(
    entriesOf(commits).map(({ bytes }) => {
      const record = Buffer.alloc(RECORD_HEAD_BYTES + bytes.length)
      putRecord(record, 0, bytes)
      return record
    }),
  )
}

describe('a group', () => {
  test('is read as it was made, wherever it lies', () => {
    const commits = [commitOf('s', 'a', '1', '2'), commitOf('t', undefined, '3'), commitOf('s', 'b', '4', '5', '6')]
    const entries = entriesOf(commits)
    const made = makeGroup(entries, PLACE)
    expect(made.frame.length).toBe(bytesOf(entries, 3))
    expect(commits.map((commit) => (commit as StoredCommit).position)).toEqual([5, 7, 8])
    const header = { kind: Kind.data, group: 7, first: 5, count: 3, aux: 6 }
    for (const before of [0, 8, 1000]) {
      const frame = frameAt(made.frame, before)
      expect(frame.header).toMatchObject(header)
      for (const unpacked of [false, true]) {
        const read = readGroup(frame, unpacked)
        expect(read).toMatchObject({ records: made.records, offset: 160, head: { position: 10, digest: made.digest.toString('hex') } })
        expect(read.commits.map(({ position, stream, events }) => [position, stream, events.map(({ data }) => data)])).toEqual([
          [5, 's', ['1', '2']],
          [7, 't', ['3']],
          [8, 's', ['4', '5', '6']],
        ])
      }
    }
    // Where each record lies in its segment, one behind the other.
    const [first = 0, length = 0] = made.records
    expect([first, made.records[2]]).toEqual([160 + HEADER_BYTES, first + length])
  })

  test('of which the bytes are used for something else keeps what it holds', () => {
    const frame = frameAt(makeGroup(entriesOf([commitOf('s', 'a', 'kept')]), PLACE).frame)
    const [commit] = readGroup(frame).commits
    frame.bytes.fill(0)
    expect(commit?.events[0]?.data).toBe('kept')
  })

  const one = payloadOf(commitOf('s', 'a', '1'))
  const headSaying = (length: number): Buffer => {
    const bytes = Buffer.alloc(RECORD_HEAD_BYTES)
    bytes.writeUInt32LE(length, 4)
    return bytes
  }
  const others = 'a frame holds other records than its header says'

  test.each([
    ['no commit', one, { count: 0 }, 'a group holds no commit'],
    ['more commits than it has room for', one, { count: (one.length >> 3) + 1 }, 'a frame has no room for its records'],
    ['as many as it might have room for, and has not', one, { count: one.length >> 3 }, 'a record leaves its frame'],
    ['a record that is longer than what is left', Buffer.concat([one, headSaying(1)]), { count: 2 }, 'a record leaves its frame'],
    ['less than the head of a record', Buffer.concat([one, headSaying(0).subarray(1)]), { count: 2 }, 'a record leaves its frame'],
    ['a record of nothing at its end', Buffer.concat([one, headSaying(0)]), { count: 2 }, expect.not.stringContaining('leaves')],
    ['more than its header counts', Buffer.concat([one, one]), { count: 1 }, others],
    ['bytes behind its records', Buffer.concat([one, Buffer.alloc(3)]), { count: 1 }, others],
    ['fewer events than its header counts', one, { count: 1, aux: 2 }, others],
    ['more events than its header counts', payloadOf(commitOf('s', 'a', '1', '2')), { count: 1, aux: 1 }, others],
  ] as const)('that holds %s is no group', (_, payload, header, reason) => {
    const frame = forged(payload, header)
    const damage = [{ segment: '', offset: 160, bytes: frame.end - 160, firstPosition: 5, reason: reason as string }]
    expect(() => readGroup(frame)).toThrow(
      expect.objectContaining({ code: 'JOURNAL_DAMAGED', details: { damage: [expect.objectContaining(damage[0])] } }),
    )
  })
})

describe('a commit is found by its id', () => {
  const commits = [
    commitOf('s', 'abc', 'first'),
    commitOf('abcd', undefined, 'the id abcd stands here, and is nobody’s'),
    commitOf('s', 'abcde', 'abcd'),
    commitOf('s', 'abcd', 'it'),
    commitOf('s', 'é', 'last'),
  ]
  const { frame: bytes } = makeGroup(entriesOf(commits), PLACE)

  test.each([
    ['abc', 'first'],
    ['abcd', 'it'],
    ['abcde', 'abcd'],
    ['é', 'last'],
    ['abcdef', undefined],
    ['Ã', undefined],
    ['', undefined],
  ])('%j: %s, wherever its group lies', (id, data) => {
    for (const before of [0, 8, 1000]) {
      const found = commitNamed(frameAt(bytes, before), id)
      expect(found?.commitId).toBe(data === undefined ? undefined : id)
      expect(found?.events[0]?.data).toBe(data)
    }
  })

  test('in its own group alone, whatever stands behind that', () => {
    const other = makeGroup(entriesOf([commitOf('s', 'other', 'x')]), PLACE).frame
    const frame = frameAt(Buffer.concat([bytes, other]))
    expect(commitNamed(frame, 'other')).toBeUndefined()
    expect(commitNamed(frame, 'é')?.events[0]?.data).toBe('last')
  })

  test('and keeps what it holds when the bytes are used for something else', () => {
    const frame = frameAt(bytes)
    const found = commitNamed(frame, 'abcd')
    frame.bytes.fill(0)
    expect(found?.events[0]?.data).toBe('it')
  })

  test('in no group that no program wrote', () => {
    const cut = payloadOf(commitOf('s', 'a', '1'), commitOf('s', 'b', '2'))
    const frame = forged(cut.subarray(0, -1), { count: 2 })
    expect(commitNamed(frame, 'a')?.events[0]?.data).toBe('1')
    expect(() => commitNamed(frame, 'b')).toThrow(expect.objectContaining({ code: 'JOURNAL_DAMAGED' }))
  })
})
