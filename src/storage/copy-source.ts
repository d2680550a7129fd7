/** A journal that is to be copied, as it stands at one position: which bytes of which files are that history. Touches nothing. */
import { JournalError, type Damage } from '../errors.js'
import type { Head, StreamNotes } from './commit-store.js'
import type { Core, SegmentFile } from './core.js'
import type { Clock, Files } from './files.js'
import type { HeadMark } from './head-file.js'
import { closeAll } from './io.js'
import type { Sight } from './sight.js'
import type { SegmentName } from './paths.js'
import { Groups } from './reading.js'
import { seeJournal, unprovenBytes, type OpenStore } from './see.js'
import { nameOf } from './segments.js'
import { State } from './state.js'

/** A segment, up to where it counts. */
export interface Part extends SegmentName {
  end: number
}

/** Bytes are copied, whatever they mean. */
const NO_NOTES: StreamNotes<undefined> = {
  initial: () => undefined,
  fold: () => undefined,
  isOpen: () => false,
  claims: () => [],
  encode: () => new Uint8Array(),
  decode: () => undefined,
}

export class CopySource {
  readonly directory: string
  readonly core: Core<undefined>
  readonly sight: Sight<undefined>
  readonly state: State<undefined>
  /** In the order of their numbers; segments that are written down as lost are not among them. */
  readonly parts: readonly Part[]
  /** Bytes behind them that nothing vouches for, and that stay behind. */
  readonly unproven: number

  private constructor(directory: string, core: Core<undefined>, sight: Sight<undefined>) {
    this.directory = directory
    this.core = core
    this.sight = sight
    this.state = new State(core, sight)
    const { segments, active, end } = this.state
    const sealed = [...segments.values()].filter((segment) => segment.end > 0).toSorted((a, b) => a.number - b.number)
    this.parts = [...sealed, { ...active, end }].map((part) => ({ ...nameOf(part), end: part.end }))
    this.unproven = unprovenBytes(sight)
  }

  /**
   * With `vouched` no more is taken than the head file says, and it must say something.
   * @throws JournalError JOURNAL_NOT_FOUND, JOURNAL_NEWER_FORMAT, JOURNAL_DAMAGED, JOURNAL_IO
   */
  static async open(directory: string, files: Files, clock: Clock, vouched: boolean): Promise<CopySource> {
    const options: OpenStore<undefined> = { notes: NO_NOTES, admit: () => {}, readOnly: true, vouched }
    const { core, sight, live } = await seeJournal(directory, files, clock, options)
    try {
      const damage = [...sight.damage, ...(vouched || live ? againstMark(sight, vouched) : [])]
      if (damage.length > 0) throw damaged(directory, damage)
      return new CopySource(directory, core, sight)
    } catch (error) {
      await core.handles.close()
      throw error
    }
  }

  get id(): string {
    return this.core.journal.toString('hex')
  }

  get head(): Head {
    return this.state.head
  }

  /** What the head file of a copy says. */
  get mark(): Omit<HeadMark, 'sequence'> {
    const { active, end, group, digest, head } = this.state
    const { mark, clean } = this.sight
    const { position } = head
    return { epoch: mark?.epoch ?? 0, segment: active.number, end, group, position, digest, journal: this.core.journal, clean }
  }

  /** Whether this was a group end of the history. @throws JournalError JOURNAL_DAMAGED where that cannot be known */
  async holds(head: Head): Promise<boolean> {
    if (head.position > this.head.position) return false
    const found = await new Groups(this.state).holds(head)
    if (typeof found === 'object') throw damaged(this.directory, [found.gap])
    return found
  }

  close(): Promise<void> {
    const { indexes } = this.sight
    return closeAll([{ close: () => indexes.settle() }, this.core.handles])
  }
}

/** What is missing of that for which the head file vouches. */
function againstMark({ mark, newest, chain, end }: Sight<undefined>, vouched: boolean): Damage[] {
  const at = { segment: newest?.name ?? 'journal', offset: end, bytes: 0, firstPosition: chain.position + 1 }
  if (mark === undefined) {
    const reason = 'the head file does not say how far it goes: it is not finished, or that file is damaged'
    return vouched ? [{ ...at, segment: 'head', reason }] : []
  }
  const whole = isOf(newest, mark) && end === mark.end && chain.position === mark.position && chain.digest?.equals(mark.digest) === true
  if (whole) return []
  return [{ ...at, lastPosition: mark.position, reason: `the head file vouches for position ${mark.position} in segment ${mark.segment}` }]
}

function isOf(segment: SegmentFile | undefined, { segment: number }: HeadMark): boolean {
  return segment?.number === number
}

export function damaged(directory: string, damage: readonly Damage[]): JournalError {
  const [first] = damage
  const where = first === undefined ? '' : ` (${first.segment} at ${first.offset}: ${first.reason})`
  const message = `${directory} is damaged${where}, and damage is not copied. See turnlog verify; repair it, or salvage what is intact.`
  return new JournalError('JOURNAL_DAMAGED', message, { directory, damage: [...damage] })
}
