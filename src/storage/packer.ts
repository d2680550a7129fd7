/** Packs sealed segments in the background, one after another. At every moment a whole copy of each is there that was checked. */
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ioError } from '../errors.js'
import type { Sealed } from './core.js'
import { handleOver } from './delegate.js'
import type { FileHandle } from './files.js'
import { readFully, replaceFile, writeFully } from './io.js'
import { openPacked } from './packed-files.js'
import { pack } from './packed.js'
import { packedOf } from './paths.js'
import { confined } from './rebuild.js'
import type { State } from './state.js'
import { isHole, Walk, type Hole } from './walk.js'

export class Packer<Note> {
  readonly #state: State<Note>
  readonly #mustBeOurs: () => void
  readonly #unsubscribe: () => void
  #next = 1
  #packing: Promise<void> | undefined
  #ended = false

  /** Begins with the oldest segment that is not packed yet. `mustBeOurs` throws once another writer has taken over. */
  constructor(state: State<Note>, mustBeOurs: () => void) {
    this.#state = state
    this.#mustBeOurs = mustBeOurs
    this.#unsubscribe = state.subscribe({ synced: () => this.#wake() })
    this.#wake()
  }

  /** Finishes the segment that is being packed; the next open goes on. */
  async close(): Promise<void> {
    this.#ended = true
    this.#unsubscribe()
    await this.#packing
  }

  #wake(): void {
    if (this.#packing === undefined && this.#next < this.#state.active.number) this.#packing = this.#packAll()
  }

  async #packAll(): Promise<void> {
    for (; !this.#ended && this.#next < this.#state.active.number; await setImmediate()) {
      const segment = this.#state.segments.get(this.#next++)
      if (segment === undefined) continue
      try {
        if (!this.#isToPack(segment)) continue
        await this.#state.indexes.settle()
        await this.#pack(segment)
      } catch (error) {
        // The segment serves as well as it is, and the next open tries again.
        const { code } = ioError(error, 'Packing', segment.name)
        if (code === 'JOURNAL_DISK_FULL' || code === 'JOURNAL_FENCED') this.#ended = true
      }
    }
    this.#packing = undefined
  }

  /** What is known to have lost something stays as it is, and so does what nothing says the end of. */
  #isToPack(segment: Sealed): boolean {
    const { core, damage, recorded } = this.#state
    const found = core.files.stat(core.paths.segment(segment))
    if (found === undefined || found.packed === true || segment.digest === undefined) return false
    return ![...damage, ...recorded].some((lost) => lost.segment === segment.name)
  }

  /** In place of a packed form that a death left beside the segment before that went. */
  async #pack(segment: Sealed): Promise<void> {
    const { files, clock, paths, handles } = this.#state.core
    const path = paths.segment(segment)
    await handles.with(path, (from) =>
      replaceFile(files, clock, packedOf(path), async (file, temporary) => {
        let offset = 0
        await pack(from, segment.number, segment.end, async (piece) => {
          await writeFully(file, piece, offset, temporary)
          offset += piece.length
        })
        await this.#check(segment, from, temporary)
        this.#mustBeOurs()
      }),
    )
    this.#mustBeOurs()
    await files.unlink(path)
    await files.syncDir(dirname(path))
    await handles.forget(path)
  }

  /** What was packed is the segment byte for byte, and all of it checks: what rotted before must not get a checksum of its own. */
  async #check(segment: Sealed, from: FileHandle, temporary: string): Promise<void> {
    const { core } = this.#state
    const packed = await openPacked(core.files, temporary, segment.name)
    try {
      const chain = { group: -1, position: segment.first - 1, digest: undefined }
      const walk = new Walk(sameAs(from, packed), core.journal, 0, segment.end, chain)
      for (let item = await walk.next(); item !== undefined; item = await walk.next()) if (isHole(item)) throw this.#rotten(segment, item)
      const { position, digest } = walk.chain
      if (position !== segment.position || digest?.equals(segment.digest as Buffer) !== true)
        throw new Error(`${segment.name} does not come to the end that the next segment says it has`)
    } finally {
      await packed.close()
    }
  }

  /** Rot that nobody has met yet is known from now on, as if it had been read. */
  #rotten(segment: Sealed, hole: Hole): Error {
    const { offset, end, reason, first, last = segment.position } = confined(hole, segment)
    this.#state.known({ segment: segment.name, offset, bytes: end - offset, firstPosition: first, lastPosition: last, reason })
    return new Error(`${segment.name} does not check at ${offset}: ${reason}`)
  }
}

/** A copy, each read of which is held against the original. */
function sameAs(original: FileHandle, copy: FileHandle): FileHandle {
  return handleOver(copy, {
    async read(into, offset) {
      const got = await copy.read(into, offset)
      const same = Buffer.alloc(got)
      if ((await readFully(original, same, offset)) !== got || !same.equals(into.subarray(0, got)))
        throw new Error('a packed segment differs')
      return got
    },
  })
}
