import { expect, test } from 'vitest'
import type { Damage } from '../../src/errors.js'
import {
  covers,
  damageOf,
  forget,
  isPartOf,
  isRecorded,
  packGaps,
  sameEvidence,
  unpackGaps,
  versionIn,
} from '../../src/storage/gap-record.js'
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

test('one wrong stream among right ones says nothing of what is lost', () => {
  const streams = [
    ['s', 1],
    ['t', -1],
  ]
  expect(() => unpackGaps(packGaps(7, [{ ...lost, streams: streams as never }]), head)).toThrow(NotPlain)
})

test('a time is one that a date can have', () => {
  for (const at of [8.64e15, -8.64e15, 0]) expect(unpackGaps(packGaps(at, [lost]), head)[0]?.at).toBe(at)
  for (const at of [8.64e15 + 2, -8.64e15 - 2, Number.NaN]) expect(() => unpackGaps(packGaps(at, [lost]), head)).toThrow(NotPlain)
})

test('what is said again in a header is a gap with its time and head, or none', () => {
  const recorded = { ...lost, at: 7, head }
  expect(isRecorded(recorded)).toBe(true)
  for (const wrong of [{ at: '7' }, { head: undefined }, { head: { position: -1, digest: '' } }, { head: { position: 1 } }, { first: -1 }])
    expect(isRecorded({ ...recorded, ...wrong })).toBe(false)
  for (const wrong of [null, undefined, 7, {}]) expect(isRecorded(wrong)).toBe(false)
})

test('a gap is told with its streams where they are known, and with when it was written down', () => {
  const told = { segment: '1.seg', offset: 160, bytes: 700, firstPosition: 3, lastPosition: 8, reason: 'it does not check', recordedAt: 7 }
  expect(damageOf({ ...lost, at: 7 })).toEqual(told)
  const streams: [string, number][] = [
    ['s', 2],
    ['t', 5],
  ]
  const gap = { ...lost, at: 7, head, streams }
  expect(damageOf(gap)).toEqual({ ...told, streams: ['s', 't'] })
  expect(['s', 't', 'u'].map((stream) => versionIn(gap, stream))).toEqual([2, 5, 0])
  expect(versionIn({ ...lost, at: 7, head }, 's')).toBe(0)
})

test.each<[what: string, found: Partial<Damage>, part: boolean]>([
  ['itself', {}, true],
  ['its first position', { firstPosition: 3, lastPosition: 3 }, true],
  ['its last position, wherever it lies', { firstPosition: 8, lastPosition: 8, segment: '2.seg' }, true],
  ['one before', { firstPosition: 2, lastPosition: 8 }, false],
  ['one behind', { firstPosition: 3, lastPosition: 9 }, false],
  ['a position that is not said to end', { firstPosition: 8, lastPosition: undefined as never }, true],
  ['one behind that is not said to end', { firstPosition: 9, lastPosition: undefined as never }, false],
  ['bytes of it without a position', { firstPosition: 3, lastPosition: 2, offset: 160, bytes: 700 }, true],
  ['bytes within', { firstPosition: 3, lastPosition: 2, offset: 200, bytes: 1 }, true],
  ['a byte before', { firstPosition: 3, lastPosition: 2, offset: 159, bytes: 1 }, false],
  ['a byte behind', { firstPosition: 3, lastPosition: 2, offset: 160, bytes: 701 }, false],
  ['bytes of another segment', { firstPosition: 3, lastPosition: 2, segment: '2.seg' }, false],
  ['a segment that is missing right behind', { firstPosition: 9, lastPosition: 8, segment: '2.seg', offset: 0, bytes: 0 }, true],
  ['a segment that is missing further behind', { firstPosition: 10, lastPosition: 9, segment: '2.seg', offset: 0, bytes: 0 }, false],
  ['a segment with bytes right behind', { firstPosition: 9, lastPosition: 8, segment: '2.seg', offset: 0, bytes: 1 }, false],
])('of a gap is a part: %s', (_, found, part) => {
  const whole = damageOf({ ...lost, at: 7 })
  const finding = { ...whole, ...found }
  expect(isPartOf(whole, finding)).toBe(part)
  expect(covers({ ...lost, at: 7, head }, finding)).toBe(part)
  const all = [finding, { ...whole, firstPosition: 100, lastPosition: 100 }]
  forget(all, [{ ...lost, at: 7, head }])
  expect(all).toHaveLength(part ? 1 : 2)
})

test('an end that nobody knows has everything behind it', () => {
  const { lastPosition: _last, ...open } = damageOf({ ...lost, at: 7 })
  const found = { ...open, segment: '9.seg' }
  expect(isPartOf(open, { ...found, firstPosition: 1e9, lastPosition: 1e9 })).toBe(true)
  expect(isPartOf(open, { ...found, firstPosition: 2, lastPosition: 2 })).toBe(false)
})

test('evidence is the same where all of it is, known or not', () => {
  const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  expect(sameEvidence({}, {})).toBe(true)
  for (const what of ['before', 'sha256', 'next'] as const) {
    expect(sameEvidence({ [what]: a }, { [what]: Buffer.from(a) })).toBe(true)
    expect(sameEvidence({ [what]: a }, { [what]: b })).toBe(false)
    expect(sameEvidence({ [what]: a }, {})).toBe(false)
    expect(sameEvidence({}, { [what]: a })).toBe(false)
  }
})
