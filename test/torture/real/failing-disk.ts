/**
 * A disk that fails while a journal is on it: its writes, or its flushes, or only the blocks that hold a certain commit, so
 * that the file system itself lives on, with pages in its cache that no disk has.
 */
import { join } from 'node:path'
import { isJournalError } from '../../../src/index.js'
import { Audit } from './audit.js'
import { CrashImages } from './crash-image.js'
import { LogDisk } from './log-disk.js'
import type { FileSystem } from './machine.js'
import { isEnough, type Inside } from './inside.js'
import type { Found } from './room.js'
import { commitOf, openStory, refusal, someName, tell, type StoryJournal } from './story.js'
import { makeImage, Mounted, scratch } from './volume.js'

/** What fails. The texts stand in nothing else: in a commit's own bytes, in a segment's header, in a snapshot file. */
const FAULTS = ['every write', 'every flush', 'a commit', 'a segment header', 'a snapshot'] as const
type Fault = (typeof FAULTS)[number]

/** What the journal is about when it happens. */
const MOMENTS = ['appending', 'opening', 'taking a snapshot'] as const
type Moment = (typeof MOMENTS)[number]

interface Case {
  fault: Fault
  moment: Moment
  /** Afterwards the page cache is dropped; or it stays, the journal goes on with it, and then power is lost. */
  drops: boolean
}

/** Each fault at each moment, where it can strike. */
const CASES: Case[] = FAULTS.flatMap((fault) =>
  MOMENTS.filter((moment) => strikes(fault, moment)).flatMap((moment) =>
    (lives(fault) ? [true, false] : [true]).map((drops) => ({ fault, moment, drops })),
  ),
)

/** Commits before anything fails, at most, and afterwards. */
const BEFORE = 40
const AFTER = 10

/** Small, so that segments end often. */
const OPTIONS = { segmentBytes: 8 << 10 }

const TOLD = new Set(['JOURNAL_IO unknown', 'JOURNAL_IO none', 'JOURNAL_POISONED none'])

export async function failingDisk(inside: Inside): Promise<Found> {
  const found: Found = { rounds: 0, counts: { acknowledged: 0, refused: 0, 'calls failed': 0 }, faults: [] }
  const place = scratch(inside.programs)
  const image = join(place, 'image')
  makeImage(image, inside.on as FileSystem)
  while (!(await isEnough(found))) {
    const which = CASES[found.rounds % CASES.length] as Case
    const round = new Round(inside, which, image, place, found)
    try {
      await round.run()
    } catch (error) {
      round.audit.faults.push(error instanceof Error ? (error.stack ?? String(error)) : String(error))
    }
    const where = `round ${found.rounds}, ${which.fault} fails while ${which.moment}, the cache ${which.drops ? 'dropped' : 'kept'}`
    found.faults.push(...round.audit.faults.map((fault) => `${where}: ${fault}`))
    found.rounds++
  }
  return found
}

function strikes(fault: Fault, moment: Moment): boolean {
  if (fault === 'a commit') return moment === 'appending'
  if (fault === 'a segment header') return moment !== 'taking a snapshot'
  return fault !== 'a snapshot' || moment === 'taking a snapshot'
}

/** Whether the file system can live on with what failed. */
function lives(fault: Fault): boolean {
  return fault !== 'every write' && fault !== 'every flush'
}

class Round {
  readonly audit = new Audit()
  readonly #inside: Inside
  readonly #case: Case
  readonly #image: string
  readonly #place: string
  readonly #found: Found
  readonly #name: string

  constructor(inside: Inside, which: Case, image: string, place: string, found: Found) {
    this.#inside = inside
    this.#case = which
    this.#image = image
    this.#place = place
    this.#found = found
    this.#name = someName(inside.chance)
  }

  async run(): Promise<void> {
    const { counts } = this.#found
    const disk = await LogDisk.start(this.#inside.programs, join(this.#place, `disk${this.#found.rounds}`), this.#image)
    try {
      const volume = Mounted.at(join(this.#place, 'mount'), disk.file)
      const directory = join(volume.path, this.#name)
      await this.#fails(directory, disk)
      if (disk.failed === 0) this.audit.faults.push('nothing failed')
      counts['calls failed']! += disk.failed
      this.#arm(disk, 0, false)
      if (this.#case.drops || (await isDead(directory))) {
        volume.unmount()
        volume.mount()
      }
      await this.#goesOn(directory)
      volume.unmount()
      if (!this.#case.drops) await this.#powerLost(disk)
    } finally {
      await disk.end()
    }
  }

  /** Whatever fails says so, and nothing after it goes through. */
  async #fails(directory: string, disk: LogDisk): Promise<void> {
    const { chance } = this.#inside
    const journal = await openStory(directory, OPTIONS)
    let left = 8 + chance.below(BEFORE)
    const next = await this.#tell(journal, () => left-- <= 0)
    if (this.#case.moment === 'opening') return this.#failsOpening(journal, next, directory, disk)
    this.#arm(disk, next)
    if (this.#case.moment === 'taking a snapshot') {
      await this.#refused(journal.snapshot())
      if (lives(this.#case.fault)) return this.#closed(journal)
    }
    let most = 2000
    await this.#tell(journal, () => most-- <= 0)
    // What failed first may have been a read, and so may this; behind a write that failed the next is refused unseen.
    const refused = await this.#refused(journal.append('b', commitOf('b', 1_000_000)))
    const wasRead = isJournalError(refused, 'JOURNAL_IO') && /^(Reading|Opening) /.test(refused.message)
    const before = journal.head.position
    const last = journal.append('a', commitOf('a', 1_000_000))
    await this.#refused(last, wasRead ? undefined : 'JOURNAL_POISONED none')
    if (journal.head.position !== before) this.audit.faults.push('the head moved after a failure')
    await this.#closed(journal)
  }

  /** A journal that a failed commit left unproven, opened while something else fails. */
  async #failsOpening(journal: StoryJournal, next: number, directory: string, disk: LogDisk): Promise<void> {
    disk.failWrites({ with: textOf(next) })
    await this.#tell(journal, () => false)
    await this.#closed(journal)
    this.#arm(disk, next)
    await this.#refused(openStory(directory, OPTIONS).then((opened) => opened.close()))
  }

  /** Tells the story, and notes how it was refused. Resolves with a number that no commit of the first session has yet. */
  async #tell(journal: StoryJournal, stops: () => boolean): Promise<number> {
    let last = 0
    const failed = await tell(journal, {
      stops,
      said: (ack) => {
        this.audit.said(ack)
        this.#found.counts['acknowledged']!++
        if (ack.stream === 'a') last = ack.number
      },
    })
    for (const error of failed) this.#refusal(refusal(error))
    return last + 2
  }

  #arm(disk: LogDisk, next: number, yes = true): void {
    const { fault } = this.#case
    disk.failFlushes(yes && fault === 'every flush')
    if (!yes || fault === 'every flush') disk.failWrites('none')
    else if (fault === 'every write') disk.failWrites('all')
    else disk.failWrites({ with: fault === 'a commit' ? textOf(next) : fault === 'a snapshot' ? 'turnlog snapshot' : 'segment' })
  }

  /** Returns what it was refused with. */
  async #refused(work: Promise<unknown>, as?: string): Promise<unknown> {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    const said = error === undefined ? 'resolved' : refusal(error)
    if (as !== undefined && said !== as) this.audit.faults.push(`${said}, not ${as}`)
    this.#refusal(said)
    return error
  }

  #refusal(said: string): void {
    this.#found.counts['refused']!++
    if (!TOLD.has(said)) this.audit.faults.push(`refused with ${said}`)
  }

  /** Closing may fail as well, and gives everything back all the same. */
  async #closed(journal: StoryJournal): Promise<void> {
    const said = await journal.close().then(() => 'JOURNAL_IO none', refusal)
    if (said !== 'JOURNAL_IO none') this.audit.faults.push(`closed with ${said}`)
  }

  /** Everything acknowledged is there, and there it goes on. */
  async #goesOn(directory: string): Promise<void> {
    for (let again = 0; again < 2; again++) {
      const journal = await openStory(directory, OPTIONS)
      await this.audit.hold(journal)
      let left = AFTER
      await this.#tell(journal, () => left-- <= 0)
      await journal.close()
    }
    await using journal = await openStory(directory, OPTIONS)
    await this.audit.hold(journal)
    await this.audit.verify(journal)
  }

  /** What the page cache alone had held is not missed. */
  async #powerLost(disk: LogDisk): Promise<void> {
    const entries = disk.entries()
    const crash = join(this.#place, 'crash')
    new CrashImages(this.#image, entries).write(crash, entries.length, this.#inside.chance)
    const volume = Mounted.at(join(this.#place, 'mount'), crash)
    try {
      const audit = this.audit.afresh()
      await using journal = await openStory(join(volume.path, this.#name), OPTIONS)
      await audit.hold(journal)
      await audit.verify(journal)
      this.audit.faults.push(...audit.faults)
    } finally {
      volume.unmount()
    }
  }
}

/** Some file systems give up where others go on. */
async function isDead(directory: string): Promise<boolean> {
  const opened = await openStory(directory, OPTIONS).catch(refusal)
  if (typeof opened === 'string' && opened !== 'JOURNAL_IO none') throw new Error(`refused with ${opened}`)
  if (typeof opened !== 'string') await opened.close()
  return typeof opened === 'string'
}

/** What stands in the first session's commit of this number, or the next that has enough text, and nowhere else. */
function textOf(number: number): string {
  for (let at = number; ; at++) {
    const text = commitOf('a', at)[0]?.data.text ?? ''
    if (text.startsWith(`a${at}.0 `)) return `a${at}.0 `
  }
}
