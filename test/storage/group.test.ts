import { expect, test } from 'vitest'
import { Kind, makeFrame, parseHeader, type FrameHeader } from '../../src/storage/frame.js'
import { headOf } from '../../src/storage/group.js'

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
