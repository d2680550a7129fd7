/** Holds a journal against what was acknowledged while it was written: see story.ts. */
import { createHash, type Hash } from 'node:crypto'
import { commitOf, STREAMS, type Ack, type StoryJournal } from './story.js'

/** What the audit looks at of an event. */
export interface Told {
  position: number
  stream: string
  version: number
  type: string
  data: unknown
  meta?: Record<string, unknown>
}

interface Seen {
  version: number
  /** The commit whose events are being read, and how many of them were. */
  commit: number
  events: number
  /** Turns that began and did not end, and whether they were interrupted. */
  open: Set<string>
}

/**
 * Reads on where it stopped the last time, so that a journal may grow from round to round. What it finds wrong it says in
 * words; an empty list is what everything here is about.
 */
export class Audit {
  readonly faults: string[] = []
  /** Digest over every event read so far, by position. */
  readonly digests = new Map<number, string>()
  #position = 0
  #hash: Hash = createHash('sha256')
  readonly #seen = new Map<string, Seen>(STREAMS.map((stream) => [stream, { version: 0, commit: 0, events: 0, open: new Set() }]))
  readonly #acks: Ack[] = []
  /** Those that were held already. */
  readonly #held: Ack[] = []

  said(ack: Ack): void {
    this.#acks.push(ack)
  }

  /** An audit of the same promises that has read nothing yet. */
  afresh(): Audit {
    const audit = new Audit()
    for (const ack of [...this.#held, ...this.#acks]) audit.said(ack)
    return audit
  }

  get acknowledged(): number {
    return this.#acks.length
  }

  /** Everything that is there is read and judged; then everything acknowledged must be there. */
  async hold(journal: StoryJournal): Promise<void> {
    if (journal.recovery.damage.length > 0) this.faults.push(`false alarm: ${JSON.stringify(journal.recovery.damage)}`)
    const { position } = journal.head
    if (position < this.#position) this.faults.push(`the journal ends at ${position}, and was read to ${this.#position}`)
    try {
      for await (const event of journal.readAll({ after: this.#position })) this.#read(event)
    } catch (error) {
      this.faults.push(String(error))
    }
    if (this.#position !== position) this.faults.push(`read to ${this.#position} of ${position}`)
    for (const stream of STREAMS) this.#whole(stream)
    for (const { stream, number, position: at } of this.#acks) {
      if (at > position || (this.#seen.get(stream) as Seen).commit < number) this.faults.push(`lost: ${stream} ${number} at ${at}`)
    }
    this.#held.push(...this.#acks.splice(0))
    this.#interrupted(journal)
  }

  /** Ends with every byte read and checked, views included. */
  async verify(journal: StoryJournal): Promise<void> {
    const { ok, damage, snapshots } = await journal.verify({ snapshots: true })
    if (!ok) this.faults.push(`verify: ${JSON.stringify(damage)}`)
    for (const { file, ok: good, reason } of snapshots) if (!good) this.faults.push(`snapshot ${file}: ${reason}`)
  }

  #read(event: Told): void {
    const { stream, position, version, type, data, meta } = event
    const seen = this.#seen.get(stream)
    if (position !== this.#position + 1) this.faults.push(`position ${position} follows ${this.#position}`)
    this.#position = position
    digestOf(this.#hash, event)
    this.digests.set(position, this.#hash.copy().digest('hex'))
    if (seen === undefined) return void this.faults.push(`a stream that nobody wrote: ${stream}`)
    if (version !== seen.version + 1) this.faults.push(`${stream}: version ${version} follows ${seen.version}`)
    seen.version = version
    const { turnId } = data as { turnId?: string }
    if (type === 'turn.started') seen.open.add(turnId as string)
    if (type === 'turn.completed' || type === 'turn.failed') seen.open.delete(turnId as string)
    if (meta?.['commit'] !== undefined) this.#note(stream, seen, Number(meta['commit']), data)
  }

  #note(stream: string, seen: Seen, commit: number, data: unknown): void {
    if (commit !== seen.commit) {
      this.#whole(stream)
      if (commit !== seen.commit + 1) this.faults.push(`${stream}: commit ${commit} follows ${seen.commit}`)
      seen.commit = commit
      seen.events = 0
    }
    const expected = commitOf(stream, commit)[seen.events++]
    if (expected === undefined) this.faults.push(`${stream}: commit ${commit} is doubled`)
    else if (JSON.stringify(expected.data) !== JSON.stringify(data)) this.faults.push(`${stream}: commit ${commit} is changed`)
  }

  #whole(stream: string): void {
    const { commit, events } = this.#seen.get(stream) as Seen
    if (commit > 0 && events !== commitOf(stream, commit).length) this.faults.push(`${stream}: ${events} events of commit ${commit}`)
  }

  /** The report names the turns that were cut off, and no others. */
  #interrupted(journal: StoryJournal): void {
    const told = journal.recovery.interrupted.map(({ stream, turnId }) => `${stream} ${turnId}`).toSorted()
    const open = STREAMS.flatMap((stream) => [...(this.#seen.get(stream) as Seen).open].map((turn) => `${stream} ${turn}`)).toSorted()
    if (JSON.stringify(told) !== JSON.stringify(open)) this.faults.push(`interrupted: told of ${told.join()}, cut off were ${open.join()}`)
  }
}

/** Adds an event to a digest over all events before it. */
export function digestOf(hash: Hash, { position, stream, version, type, data }: Told): void {
  hash.update(`${position} ${stream} ${version} ${type} ${JSON.stringify(data)}\n`)
}
