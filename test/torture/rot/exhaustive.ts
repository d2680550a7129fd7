/** Everything of one kind that can happen to the bytes of a golden journal, one after the other. */
import { frameBytes } from '../../../src/storage/frame.js'
import { openStore, type Store } from '../../storage/support/journal.js'
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import { DIRECTORY, type Golden, type Segment } from './golden.js'
import { judgeInside, judgeReading, judgeWriting } from './judge.js'
import type { Verdict } from './verdict.js'

export interface Tried {
  probes: number
  problems: string[]
}

const SECTOR = 512
/** An open journal remembers the damage it met; for the next so many bytes another is opened. */
export const BYTES_PER_OPEN = 128

/** Of what is hurt under an open journal, so many bytes apart some is hurt before it is opened as well. */
const LOOK_EVERY = 97

/**
 * A journal that is hurt at one place after the other. Of a sealed segment opening looks at the header frame alone, so what is
 * hurt behind it is hurt under a journal that is open: much quicker, and now and then the other way too, to see that it is the same.
 */
class Patient {
  readonly #golden: Golden
  readonly #segment: Segment
  /** Where what opening does not look at begins. */
  readonly #behind: number
  readonly tried: Tried
  /** Whether reading near the hurt segment is enough for a quick look. */
  readonly #near: boolean
  #open: Store | undefined
  /** Which bytes the journal was opened for. */
  #stretch = -1

  constructor(golden: Golden, segment: Segment, tried: Tried, near = false) {
    const { bytes } = golden.files.inodes.get(segment.path) as { bytes: Buffer }
    this.#golden = golden
    this.#segment = segment
    this.#behind = segment.sealed ? frameBytes(bytes.readUInt32LE(32), 3) : bytes.length
    this.tried = tried
    this.#near = near
  }

  /** Judges the segment as it is now, hurt at a place; `verify` also asks whether the journal notices, `thoroughly` in every way there is. */
  async judge(what: string, at: number, verify: boolean, thoroughly = at % 4 === 0): Promise<void> {
    const golden = this.#golden
    const inside = at >= this.#behind
    if (inside) {
      const open = await this.#journal(Math.floor(at / BYTES_PER_OPEN))
      count(this.tried, what, await judgeInside(golden, open, this.#segment, recordAt(this.#segment, at), verify), verify)
    }
    if (inside && !(verify && at % LOOK_EVERY === 0)) return
    const thorough = verify && thoroughly
    count(
      this.tried,
      what,
      await judgeReading(golden, golden.files, { thorough, around: this.#near ? this.#segment : undefined }),
      thorough,
    )
  }

  async discharge(): Promise<void> {
    await this.#open?.close()
  }

  async #journal(stretch: number): Promise<Store> {
    if (this.#open !== undefined && this.#stretch === stretch) return this.#open
    await this.#open?.close()
    this.#stretch = stretch
    this.#open = await openStore(DIRECTORY, { ...this.#golden.options, readOnly: true })
    return this.#open
  }
}

export interface Share {
  /** Every how manieth byte, from which on. */
  of: number
  index: number
  /** How many bytes apart the journal is also asked whether it notices. */
  verifyEvery: number
  /** Whether a quick look reads no more than what lies near the hurt place: for journals that take long to read. */
  near?: boolean
}

export interface Bit {
  /** Number of the segment. */
  segment: number
  byte: number
  bit: number
}

/** Every bit of every segment, or of its bytes that fall to a share. */
export async function everyBit(golden: Golden, share: Share): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  for await (const _ of bits(golden, share, tried)) if (tried.problems.length > 20) break
  return tried
}

/** The same, one at a time, from the first or from one of them on. */
export async function* bits(golden: Golden, { of, index, verifyEvery, near }: Share, tried: Tried, from?: Bit): AsyncGenerator<Bit, void> {
  for (const [number, segment] of golden.segments.entries()) {
    if (from !== undefined && number < from.segment) continue
    const { bytes } = golden.files.inodes.get(segment.path) as { bytes: Buffer }
    const patient = new Patient(golden, segment, tried, near)
    try {
      for (let at = from?.segment === number ? from.byte : index; at < bytes.length; at += of) {
        for (let bit = 0; bit < 8; bit++) {
          const asked = bit === (at >> 1) % 8 && Math.floor(at / of) % verifyEvery === 0
          bytes[at]! ^= 1 << bit
          await patient.judge(`bit ${bit} of byte ${at} of ${segment.path}`, at, asked, Math.floor(at / of) % 4 === 0)
          bytes[at]! ^= 1 << bit
          yield { segment: number, byte: at, bit }
        }
      }
    } finally {
      await patient.discharge()
    }
  }
}

/** Each segment cut at every length, read; and now and then opened for writing. */
export async function everyCut(golden: Golden): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  for (const segment of golden.segments) {
    const inode = golden.files.inodes.get(segment.path) as { bytes: Buffer }
    const { bytes } = inode
    const patient = new Patient(golden, segment, tried)
    for (let length = 0; length < bytes.length; length++) {
      inode.bytes = bytes.subarray(0, length)
      const what = `${segment.path} cut to ${length} bytes`
      await patient.judge(what, length, length % 16 === 0)
      if (length % 61 === 0) count(tried, `${what}, for writing`, await judgeWriting(golden, golden.files.copy()), true)
      if (tried.problems.length > 20) break
    }
    inode.bytes = bytes
    await patient.discharge()
  }
  return tried
}

/** Each sector of each segment: zeros, garbage, and the content of every other sector of every segment, of which some are looked at in every way. */
export async function everySector(golden: Golden): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  const sectors = golden.segments.flatMap(({ path }) => sectorsOf(golden.files, path))
  const contents: [string, Buffer][] = [
    ['zeros', Buffer.alloc(SECTOR)],
    ['garbage', Buffer.from(Array.from({ length: SECTOR }, (_, i) => (i * 167 + 13) & 0xff))],
    ...sectors.map(({ path, at, bytes }): [string, Buffer] => [`the sector at ${at} of ${path}`, Buffer.from(bytes)]),
  ]
  for (const { path, at, bytes } of sectors) {
    for (const [what, content] of contents) {
      if (content.subarray(0, bytes.length).equals(bytes)) continue
      const before = Buffer.from(bytes)
      content.copy(bytes, 0, 0, bytes.length)
      const where = `${what} at ${at} of ${path}`
      const writes = tried.probes % 7 === 0
      const thorough = !writes && (!what.startsWith('the sector') || tried.probes % 3 === 0)
      count(tried, where, await judgeReading(golden, golden.files, { thorough }), thorough)
      if (writes) count(tried, `${where}, for writing`, await judgeWriting(golden, golden.files.copy()), true)
      before.copy(bytes)
    }
  }
  return tried
}

/** Files deleted, doubled under another number, swapped and renamed. */
export async function everyFile(golden: Golden): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  const paths = [...golden.files.inodes.keys()]
  const changes: [string, (files: MemoryFiles) => void][] = paths.map((path) => [
    `${path} deleted`,
    (files) => void files.inodes.delete(path),
  ])
  for (const [i, path] of paths.entries()) {
    for (const other of paths.slice(i + 1)) changes.push([`${path} and ${other} swapped`, (files) => swap(files, path, other)])
    for (const name of [
      '00000000-000000000001.seg',
      '00000002-000000000001.seg',
      '00000099-000000000001.seg',
      '99999999-000000000001.seg',
    ]) {
      const to = `${DIRECTORY}/journal/${name}`
      changes.push([`${path} as ${name} too`, (files) => copy(files, path, to)])
      changes.push([`${path} renamed to ${name}`, (files) => (copy(files, path, to), void files.inodes.delete(path))])
    }
  }
  for (const [what, change] of changes) {
    for (const write of [false, true]) {
      const files = golden.files.copy()
      change(files)
      const verdict = write ? await judgeWriting(golden, files) : await judgeReading(golden, files, { thorough: true })
      count(tried, write ? `${what}, for writing` : what, verdict, false)
    }
  }
  return tried
}

/** Bits of what is evidence or derived: nothing is lost by them. */
export async function everyBitBeside(golden: Golden, every: number): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  for (const [path, { bytes }] of golden.files.inodes) {
    if (path.endsWith('.seg')) continue
    for (let bit = 0; bit < bytes.length * 8; bit += path.endsWith('.idx') ? every : 1) {
      if (path.endsWith('head') && bytes[bit >> 3] === 0 && bit % 64 !== 0) continue
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      count(tried, `bit ${bit} of ${path}`, await judgeReading(golden, golden.files, { thorough: bit % every === 0 }), false)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
  return tried
}

/** The intact journal: nothing is noticed, because there is nothing. */
export async function nothingAtAll(golden: Golden): Promise<Tried> {
  const tried: Tried = { probes: 0, problems: [] }
  const verdict = await judgeReading(golden, golden.files, { thorough: true })
  count(tried, 'nothing at all', verdict, false)
  if (verdict.noticed) tried.problems.push('an intact journal gives a false alarm')
  return tried
}

function count(tried: Tried, what: string, { problems, noticed, silentEnd }: Verdict, mustNotice: boolean): void {
  tried.probes++
  tried.problems.push(...problems.map((problem) => `${what}: ${problem}`))
  if (silentEnd > 0) tried.problems.push(`${what}: the last ${silentEnd} positions are lost without a word`)
  if (mustNotice && !noticed) tried.problems.push(`${what}: is not noticed`)
}

function recordAt({ records }: Segment, at: number): Segment['records'][0] | undefined {
  return records.find(({ from, to }) => from <= at && at < to)
}

function sectorsOf(files: MemoryFiles, path: string): { path: string; at: number; bytes: Buffer }[] {
  const { bytes } = files.inodes.get(path) as { bytes: Buffer }
  return Array.from({ length: Math.ceil(bytes.length / SECTOR) }, (_, i) => ({
    path,
    at: i * SECTOR,
    bytes: bytes.subarray(i * SECTOR, (i + 1) * SECTOR),
  }))
}

function swap(files: MemoryFiles, one: string, other: string): void {
  const kept = files.inodes.get(one) as { bytes: Buffer; lock: undefined }
  files.inodes.set(one, files.inodes.get(other) as typeof kept)
  files.inodes.set(other, kept)
}

function copy(files: MemoryFiles, from: string, to: string): void {
  files.inodes.set(to, { bytes: Buffer.from(files.inodes.get(from)?.bytes as Buffer), lock: undefined })
}
