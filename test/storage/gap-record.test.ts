import { expect, test } from 'vitest'
import { packGaps, unpackGaps } from '../../src/storage/gap-record.js'
import { NotPlain } from '../../src/storage/plain.js'
import { pack } from '../../src/storage/record.js'

const head = { position: 9, digest: '0'.repeat(64) }
const lost = { first: 3, last: 8, segment: '1.seg', offset: 160, bytes: 700, reason: 'it does not check' }

test('a gap record is read as it was written, with all that was known or only what must be', () => {
  const evidence = { before: Buffer.alloc(32, 1), sha256: Buffer.alloc(32, 2), next: Buffer.alloc(32, 3) }
  const known = { ...lost, streams: [['s', 2]] as [string, number][], ...evidence }
  expect(unpackGaps(packGaps(7, [lost, known]), head)).toEqual([lost, known].map((gap) => ({ ...gap, at: 7, head })))
})

test.each<[string, object]>([
  ['first', { first: -1 }],
  ['last', { last: 1.5 }],
  ['offset', { offset: '160' }],
  ['bytes', { bytes: null }],
  ['segment', { segment: 1 }],
  ['reason', { reason: null }],
  ['before', { before: 'aa' }],
  ['sha256', { sha256: 7 }],
  ['next', { next: [] }],
  ['streams', { streams: 's' }],
  ['stream', { streams: [['s']] }],
  ['name of a stream', { streams: [[1, 2]] }],
  ['version of a stream', { streams: [['s', -2]] }],
])('whose %s is none says nothing of what is lost', (_, wrong) => {
  expect(() => unpackGaps(packGaps(7, [lost, { ...lost, ...wrong }]), head)).toThrow(NotPlain)
})

test('without a time or a list is none', () => {
  for (const wrong of [{ at: '7', gaps: [lost] }, { at: 7, gaps: 'none' }, { at: 7 }, null])
    expect(() => unpackGaps(pack(wrong), head)).toThrow(NotPlain)
})
