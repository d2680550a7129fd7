/** Frames: what of a frame's bytes is checked, and what is no frame though its checksums are right. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  bodyFault,
  digestInPlace,
  frameBytes,
  hasMagic,
  HEADER_BYTES,
  Kind,
  makeFrame,
  movesDigest,
  nextDigest,
  ownCopy,
  parseHeader,
  passedOver,
  PAYLOAD_MAX,
  positionAfter,
  readU64,
  REWRITTEN,
  TRAILER_BYTES,
  writeU64,
  type FrameHeader,
} from '../../src/storage/frame.js'

const HEADER = {
  kind: Kind.data,
  align: 3,
  flags: 0,
  count: 2,
  group: 7,
  first: 5,
  journal: Buffer.from('0123456789abcdef'),
  aux: 3,
  digest: Buffer.alloc(32, 9),
}
const LEAST = HEADER_BYTES + TRAILER_BYTES
const MOST = Number.MAX_SAFE_INTEGER

/** A frame with its header changed as if somebody had meant to, checksum and all. */
function forged(change: (frame: Buffer) => void): Buffer {
  const frame = makeFrame(HEADER, Buffer.alloc(10, 'x'))
  change(frame)
  frame.writeUInt32LE(crc32(frame.subarray(8, HEADER_BYTES)), 4)
  return frame
}

describe('a frame', () => {
  test.each([
    [0, 3, LEAST],
    [1, 3, LEAST + 8],
    [8, 3, LEAST + 8],
    [9, 3, LEAST + 16],
    [512 - LEAST, 9, 512],
    [513 - LEAST, 9, 1024],
    [4096 - LEAST, 12, 4096],
    [4097 - LEAST, 12, 8192],
  ])('of %i bytes, aligned to 2^%i, takes %i bytes', (length, align, bytes) => {
    expect(frameBytes(length, align)).toBe(bytes)
    const frame = makeFrame({ ...HEADER, align }, Buffer.alloc(length, 'x'))
    expect(frame.length).toBe(bytes)
    const header = parseHeader(frame, 0) as FrameHeader
    expect(header).toMatchObject({ ...HEADER, align, length })
    expect(bodyFault(frame, 0, header)).toBeUndefined()
  })

  test('is read wherever it lies, and its header for itself keeps what it says', () => {
    const frame = makeFrame(HEADER, Buffer.alloc(20, 'x'))
    const bytes = Buffer.concat([Buffer.alloc(24, 7), frame, Buffer.alloc(8, 7)])
    const header = parseHeader(bytes, 24) as FrameHeader
    expect(bodyFault(bytes, 24, header)).toBeUndefined()
    expect([hasMagic(bytes, 24), hasMagic(bytes, 16)]).toEqual([true, false])
    expect(parseHeader(bytes, 16)).toBeUndefined()
    bytes.fill(0)
    expect(header).toMatchObject({ ...HEADER, length: 20 })
  })

  test('with any bit turned over does not check, and says which part', () => {
    const frame = makeFrame({ ...HEADER, group: 0x0102_0304 }, Buffer.alloc(11, 'x'))
    const header = parseHeader(frame, 0) as FrameHeader
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const at = bit >> 3
      const hurt = Buffer.from(frame)
      hurt[at] = (hurt[at] as number) ^ (1 << (bit & 7))
      if (at < HEADER_BYTES) expect([at, parseHeader(hurt, 0)]).toEqual([at, undefined])
      else {
        const part = at < HEADER_BYTES + 11 ? 'payload checksum' : at < frame.length - TRAILER_BYTES ? 'padding' : 'trailer'
        expect([at, bodyFault(hurt, 0, header)]).toEqual([at, part])
      }
    }
  })

  test.each<[string, (frame: Buffer) => void]>([
    ['of no kind', (frame) => (frame[8] = 0)],
    ['aligned to 4', (frame) => (frame[9] = 2)],
    ['aligned to 1024', (frame) => (frame[9] = 10)],
    ['that is longer than any', (frame) => frame.writeUInt32LE(PAYLOAD_MAX + 1, 32)],
    ['with a number that nobody can hold', (frame) => writeU64(frame, MOST + 1, 16)],
    ['at a position that nobody can hold', (frame) => writeU64(frame, MOST + 1, 24)],
    ['of more events than anybody can count', (frame) => writeU64(frame, MOST + 1, 56)],
  ])('%s is none, though its checksum is right', (_, change) => expect(parseHeader(forged(change), 0)).toBeUndefined())

  test.each<[string, (frame: Buffer) => void, Partial<FrameHeader>]>([
    ['of the last kind', (frame) => (frame[8] = Kind.gap), { kind: Kind.gap }],
    ['of the first', (frame) => (frame[8] = Kind.segment), { kind: Kind.segment }],
    ['that was written again', (frame) => frame.writeUInt16LE(REWRITTEN, 10), { flags: REWRITTEN }],
    ['aligned to 512', (frame) => (frame[9] = 9), { align: 9 }],
    ['as long as may be', (frame) => frame.writeUInt32LE(PAYLOAD_MAX, 32), { length: PAYLOAD_MAX }],
    ['with the highest number', (frame) => writeU64(frame, MOST, 16), { group: MOST }],
    ['at the last position', (frame) => writeU64(frame, MOST, 24), { first: MOST }],
    ['of the most events', (frame) => writeU64(frame, MOST, 56), { aux: MOST }],
  ])('%s is one', (_, change, header) => expect(parseHeader(forged(change), 0)).toMatchObject(header))

  test.each<[string, (frame: Buffer) => void]>([
    ['a kind', (frame) => (frame[8] = Kind.gap + 1)],
    ['flags', (frame) => frame.writeUInt16LE(REWRITTEN + 1, 10)],
    ['a kind, and an alignment that is none today,', (frame) => frame.fill(99, 8, 10)],
  ])('that checks and has %s of a later format is refused as such', (_, change) => {
    expect(() => parseHeader(forged(change), 0)).toThrow(expect.objectContaining({ code: 'JOURNAL_NEWER_FORMAT' }))
  })
})

test('only groups and gaps are history; behind a group it stands at its last event, behind all else where it stood', () => {
  const said = Object.values(Kind).map((kind) => ({
    kind,
    moves: movesDigest({ kind }),
    after: positionAfter({ kind, first: 5, aux: 3 }),
    over: passedOver({ ...HEADER, payloadCrc: 0, length: 0, kind }),
  }))
  const none = { moves: false, after: 4, over: 0 }
  expect(said).toEqual([
    { kind: Kind.segment, ...none },
    { kind: Kind.data, moves: true, after: 7, over: 0 },
    { kind: Kind.mark, ...none },
    { kind: Kind.snapshot, ...none },
    { kind: Kind.clean, ...none },
    { kind: Kind.gap, moves: true, after: 4, over: 3 },
  ])
})

test('a digest is the same whether it is worked out of a payload or of a frame that is being made', () => {
  const payload = Buffer.alloc(50, 'p')
  const frame = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload, Buffer.alloc(20, 'q')])
  const digest = nextDigest(HEADER.digest, 2 ** 40 + 5, payload)
  expect(digestInPlace(frame, HEADER.digest, 2 ** 40 + 5, 50)).toEqual(digest)
  expect(nextDigest(HEADER.digest, 5, payload)).not.toEqual(digest)
  expect(nextDigest(Buffer.alloc(32), 2 ** 40 + 5, payload)).not.toEqual(digest)
})

test('numbers of eight bytes come back as they were', () => {
  const bytes = Buffer.alloc(16, 0xff)
  for (const number of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, MOST]) {
    writeU64(bytes, number, 3)
    expect(readU64(bytes, 3)).toBe(number)
    expect(bytes.readBigUInt64LE(3)).toBe(BigInt(number))
  }
})

test('a copy that is kept holds no memory but its own', () => {
  const copy = ownCopy(Buffer.from('abcdefgh'), 2, 5)
  expect([copy.toString(), copy.buffer.byteLength]).toEqual(['cde', 3])
})
