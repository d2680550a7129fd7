/** A disk that is full again and again: filled up to a little room, appended to until refused, freed, and appended to again. */
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Audit } from './audit.js'
import { isEnough, type Inside } from './inside.js'
import type { Found } from './room.js'
import { openStory, refusal, tell, type StoryJournal } from './story.js'
import { makeImage, Mounted, run, scratch } from './volume.js'

const BYTES = 8 << 20

/** Room that is left, at most. */
const ROOM = 192 << 10
const AFTER = 12

const TOLD = /^JOURNAL_(DISK_FULL (none|unknown)|POISONED none)$/

export async function diskFull(inside: Inside): Promise<Found> {
  const place = scratch(inside.programs)
  const mountPoint = join(place, 'mount')
  if (inside.on === 'tmpfs') {
    mkdirSync(mountPoint)
    run('mount', '-t', 'tmpfs', '-o', `size=${BYTES}`, 'turnlog-full', mountPoint)
  } else {
    makeImage(join(place, 'image'), 'ext4', BYTES)
    Mounted.at(mountPoint, join(place, 'image'))
  }
  const layer = new DiskFull(inside, mountPoint)
  await layer.run()
  return layer.found
}

class DiskFull {
  readonly found: Found = { rounds: 0, counts: { acknowledged: 0, refused: 0, 'not opened': 0 }, faults: [] }
  readonly #inside: Inside
  readonly #journal: string
  readonly #ballast: string
  #audit = new Audit()
  /** Whether there is a journal, and not only what a creation left that found no room. */
  #begun = false

  constructor(inside: Inside, mountPoint: string) {
    this.#inside = inside
    this.#journal = join(mountPoint, 'journal')
    this.#ballast = join(mountPoint, 'ballast')
  }

  async run(): Promise<void> {
    while (!(await isEnough(this.found))) {
      const room = this.#inside.chance.chance(0.2) ? 0 : this.#inside.chance.below(ROOM)
      this.#fill(room)
      const before = this.found.rounds
      await this.#append(room)
      rmSync(this.#ballast)
      await this.#goOn()
      this.found.faults.push(...this.#audit.faults.map((fault) => `round ${before}, with ${room} bytes of room: ${fault}`))
      this.found.rounds++
    }
  }

  /** Fills the disk, and gives back so much. A journal that takes too much of it is removed before. */
  #fill(room: number): void {
    const { bavail, bsize, blocks } = statfsSync(join(this.#journal, '..'))
    if (bavail < blocks / 2) {
      rmSync(this.#journal, { recursive: true })
      this.#audit = new Audit()
      this.#begun = false
    }
    const file = openSync(this.#ballast, 'w')
    let size = 0
    for (const chunk of [Buffer.alloc(1 << 16), Buffer.alloc(bsize), Buffer.alloc(1)]) {
      try {
        for (let count = -1; count !== 0; size += count) count = writeSync(file, chunk)
      } catch {
        // That much does not fit any more.
      }
    }
    closeSync(file)
    truncateSync(this.#ballast, Math.max(0, size - room))
  }

  /** Appends until refused. Where not even opening goes through, reading does. */
  async #append(room: number): Promise<void> {
    const journal = await openStory(this.#journal, { segmentBytes: 16 << 10 }).catch((error: unknown) => refusal(error))
    if (typeof journal === 'string') {
      this.found.counts['not opened']!++
      this.#refusal(journal)
      if (this.#begun) await this.#read()
      return
    }
    let most = room
    const failed = await tell(journal, { said: (ack) => this.#said(ack), stops: () => most-- <= 0, snapshotEvery: 30 })
    failed.forEach((error) => this.#refusal(refusal(error)))
    await this.#close(journal)
  }

  async #read(): Promise<void> {
    await using journal = await openStory(this.#journal, { readOnly: true })
    for await (const event of journal.readAll()) if (event.position > journal.head.position) this.#audit.faults.push('read behind the head')
  }

  /** With room again everything acknowledged is there, and it goes on. */
  async #goOn(): Promise<void> {
    const journal = await openStory(this.#journal, { segmentBytes: 16 << 10 })
    this.#begun = true
    await this.#audit.hold(journal)
    await this.#audit.verify(journal)
    let left = AFTER
    const failed = await tell(journal, { said: (ack) => this.#said(ack), stops: () => left-- <= 0 })
    for (const error of failed) this.#audit.faults.push(`refused with room: ${refusal(error)}`)
    await journal.close()
  }

  #said(ack: Parameters<Audit['said']>[0]): void {
    this.found.counts['acknowledged']!++
    this.#audit.said(ack)
  }

  /** The views' store may have no room for what it would write; the next open makes it again. */
  async #close(journal: StoryJournal): Promise<void> {
    const said = await journal.close().then(() => 'JOURNAL_DISK_FULL none', refusal)
    this.#refusal(said)
  }

  #refusal(said: string): void {
    this.found.counts['refused']!++
    if (!TOLD.test(said)) this.#audit.faults.push(`refused with ${said}`)
  }
}
