/**
 * Walks the frames of a segment in order and holds them against each other: group numbers, positions, digests. Where
 * bytes do not check it looks for the next frame that does, and hands out the hole between.
 */
import type { Before } from './core.js'
import { FrameCursor, type Fault } from './cursor.js'
import type { FileHandle } from './files.js'
import {
  frameBytes,
  HEADER_BYTES,
  Kind,
  movesDigest,
  nextDigest,
  passedOver,
  payloadOf,
  positionAfter,
  TRAILER_BYTES,
  type Frame,
  type FrameHeader,
} from './frame.js'
import { readFully } from './io.js'
import type { SegmentName } from './paths.js'

/** Where the history stands after a frame. */
export interface Chain {
  /** Negative where it is not known. */
  group: number
  position: number
  /** Undefined where it is not known. */
  digest: Buffer | undefined
}

/** Where the history stands at the beginning of a segment. */
export function beginning(before: Before | undefined, { first }: Pick<SegmentName, 'first'>): Chain {
  return { group: -1, digest: undefined, ...before, position: first - 1 }
}

/** Bytes between frames that check. */
export interface Hole {
  offset: number
  end: number
  reason: string
  /** First position that is missing. */
  first: number
  /** Last position that is missing, if known; below `first` if none is. */
  last: number | undefined
  /** Whether no frame that checks follows in the range. */
  final: boolean
  /** Header of the frame at the hole's start, if it checks and is in order. */
  header?: FrameHeader
  /** That frame's payload, as far as it is there; without a header only where the digest proves it. */
  payload?: Buffer
}

export type Item = Frame | Hole

export function isHole(item: Item): item is Hole {
  return 'reason' in item
}

export class Walk {
  readonly chain: Chain
  readonly #file: FileHandle
  readonly #cursor: FrameCursor
  readonly #digests: boolean
  readonly #vouches: boolean
  readonly #upTo: number

  /**
   * `digests`: whether to work out each group's digest again. Who only reads leaves that to whoever opens or verifies.
   * `vouches`: whether to look behind headers that do not check, which takes a walk from a segment's beginning.
   * `upTo`: last position that the segment held. Behind a hole a later one comes from elsewhere.
   */
  constructor(
    file: FileHandle,
    journal: Buffer,
    from: number,
    to: number,
    chain: Chain,
    {
      digests = true,
      vouches = false,
      upTo = Number.POSITIVE_INFINITY,
    }: { digests?: boolean; vouches?: boolean; upTo?: number | undefined } = {},
  ) {
    this.#digests = digests
    this.#vouches = vouches
    this.#upTo = upTo
    this.#file = file
    this.chain = { ...chain }
    this.#cursor = new FrameCursor(file, journal, from, to)
  }

  /** The next frame or hole; undefined at the end of the range. Buffers in it are valid until the next call. */
  next(): Item | undefined | Promise<Item | undefined> {
    if (this.#cursor.done) return undefined
    const step = this.#cursor.step()
    return step === undefined ? this.#filled() : this.#judge(step)
  }

  async #filled(): Promise<Item | undefined> {
    await this.#cursor.fill()
    return this.next()
  }

  #judge(step: Frame | Fault): Item | Promise<Item> {
    if ('fault' in step) return this.#hole(step)
    const disorder = this.#disorder(step)
    if (disorder !== undefined) return this.#hole({ fault: disorder, cut: false })
    this.#accept(step.header)
    this.#cursor.offset = step.end
    return step
  }

  #accept(header: FrameHeader): void {
    this.chain.group = header.group
    this.chain.position = positionAfter(header)
    this.chain.digest = header.digest
  }

  /** Why the frame cannot follow what came before. */
  #disorder(frame: Frame): string | undefined {
    const { header, offset } = frame
    const { group, position, digest } = this.chain
    if (group >= 0 && header.group !== group + 1) return `frame ${header.group} where ${group + 1} should stand`
    if (header.first !== position + 1 + passedOver(header)) return `position ${header.first} where ${position + 1} should stand`
    if ((header.kind === Kind.segment) !== (offset === 0)) return 'a frame of the wrong kind'
    const counts = movesDigest(header)
    if (digest === undefined || (counts && !this.#digests)) return undefined
    const expected = counts ? nextDigest(digest, header.first, payloadOf(frame)) : digest
    return expected.equals(header.digest) ? undefined : 'the history digest does not continue'
  }

  async #hole({ fault, header }: Fault): Promise<Hole> {
    const { offset } = this.#cursor
    const { group, position } = this.chain
    const inOrder = header !== undefined && header.first === position + 1 + passedOver(header) && (group < 0 || header.group === group + 1)
    const ends = inOrder ? offset + frameBytes(header.length, header.align) : offset + 8
    const next = (await this.#resumesAt(ends, offset)) ?? (await this.#resume(inOrder && ends > offset + 8 ? offset + 8 : ends, offset))
    // Where the frame stands once more behind the hole, what is intact of it here is a stray copy.
    const isLost = inOrder && (next === undefined || next.header.group > header.group)
    const known = isLost ? { header, payload: await this.#payload(offset, header.length) } : {}
    const hole = { offset, reason: fault, first: position + 1, ...known }
    if (next === undefined) {
      this.#cursor.offset = this.#cursor.to
      const last = inOrder ? positionAfter(header) : undefined
      return { ...hole, end: this.#cursor.to, last, final: true }
    }
    const vouched = inOrder || !this.#vouches ? {} : await this.#vouched(offset, next.offset)
    this.#cursor.offset = next.offset
    this.chain.group = next.header.group - 1
    this.chain.position = next.header.first - 1 - passedOver(next.header)
    // The frame before would say; its own header has to do, and what follows is held against that.
    this.chain.digest = undefined
    return { ...hole, ...vouched, end: next.offset, last: this.chain.position, final: false }
  }

  /** The payload of a frame whose header does not check, if the digest that stands there proves it all the same. */
  async #vouched(offset: number, to: number): Promise<{ payload?: Buffer }> {
    const { digest, position } = this.chain
    const header = Buffer.alloc(HEADER_BYTES)
    await readFully(this.#file, header, offset)
    const length = header.readUInt32LE(32)
    if (digest === undefined || offset + frameBytes(length, 3) > to) return {}
    const payload = await this.#payload(offset, length)
    return nextDigest(digest, position + 1, payload).equals(header.subarray(64)) ? { payload } : {}
  }

  async #payload(offset: number, most: number): Promise<Buffer> {
    const length = Math.max(0, Math.min(most, this.#cursor.to - offset - HEADER_BYTES))
    const payload = Buffer.alloc(length)
    return payload.subarray(0, await readFully(this.#file, payload, offset + HEADER_BYTES))
  }

  /** The first frame from `from` on that can follow a hole that begins at `hole`. */
  async #resume(from: number, hole: number): Promise<Resumed | undefined> {
    for (let at = from; await this.#cursor.seekMagic(at); at += 8) {
      at = this.#cursor.offset
      const found = await this.#resumesAt(at, hole)
      if (found !== undefined) return found
    }
    return undefined
  }

  /**
   * The frame at a place, if history may go on with it: later than all before and within the segment, with no more frames missing than
   * the hole has room for, and followed by its own successor where another frame follows, lest a frame that was written to a wrong place be taken
   * for the next.
   */
  async #resumesAt(at: number, hole: number): Promise<Resumed | undefined> {
    const frame = await this.#frameAt(at)
    if (frame === undefined || frame.header.kind === Kind.segment) return undefined
    const { header, end } = frame
    const { group, position } = this.chain
    if (header.group <= group || header.first - passedOver(header) <= position || positionAfter(header) > this.#upTo) return undefined
    if (group >= 0 && (header.group - group - 1) * (HEADER_BYTES + TRAILER_BYTES) > at - hole) return undefined
    const after = await this.#frameAt(end)
    return after !== undefined && after.header.group !== header.group + 1 ? undefined : { offset: at, header }
  }

  async #frameAt(at: number): Promise<Frame | undefined> {
    if (at >= this.#cursor.to) return undefined
    this.#cursor.offset = at
    let step = this.#cursor.step()
    while (step === undefined) {
      await this.#cursor.fill()
      step = this.#cursor.step()
    }
    return 'fault' in step ? undefined : step
  }
}

interface Resumed {
  offset: number
  header: FrameHeader
}
