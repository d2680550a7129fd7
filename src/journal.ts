/** The journal: conducts the floors, and knows no bytes. */
import type { Observable } from 'rxjs'
import { concatMap } from 'rxjs/internal/operators/concatMap'
import type { EventDefinitions, Key, NewEvent, Projection, RecordedEvent } from './define.js'
import type { AppendOptions } from './engine/append-arguments.js'
import { Appender } from './engine/appender.js'
import { closeInterrupted, reportOpenWork } from './engine/boot.js'
import type { Item, JournalOptions, Parts, Recovery, VerifyOptions, VerifyReport, View } from './engine/contract.js'
import { verifyWithLaws } from './engine/law-check.js'
import { Laws, type LawStates } from './engine/laws.js'
import { list, type ListOptions, type ListRow } from './engine/list.js'
import { events$, view$ } from './engine/observe.js'
import { follow, type FollowOptions } from './engine/follow.js'
import { checkOptions } from './engine/options.js'
import { Reading, type CommitOptions, type ReadAllOptions, type ReadOptions, type RecordedCommit } from './engine/reading.js'
import { recoveryOf } from './engine/recovery.js'
import { Schemas } from './engine/schemas.js'
import { checkSnapshots } from './engine/snapshot-check.js'
import { takeSnapshots } from './engine/snapshots.js'
import { startViews } from './engine/start.js'
import { tailOf, transcriptOf, type TailOptions, type TranscriptFold, type TranscriptOptions } from './engine/transcript.js'
import { limitsOf } from './engine/values.js'
import type { Views } from './engine/views.js'
import { JournalError, type Damage } from './errors.js'
import type { CommitStore, Durability, Head, Receipt, SnapshotRecord } from './storage/commit-store.js'
import type { DerivedStores } from './storage/derived-store.js'
import { derivedPlace, openCommitStore, type DerivedPlace } from './storage/open.js'
import { SnapshotFiles } from './storage/snapshot-file.js'

/** An open journal. Everything that it hands out is plain data; nothing handed in is kept or changed. */
export class Journal<D extends EventDefinitions = EventDefinitions, R = unknown, P = unknown> implements AsyncDisposable {
  /** What opening found and did. */
  readonly recovery: Recovery
  readonly directory: string
  readonly #store: CommitStore<LawStates>
  readonly #inside: Inside
  #closing: Promise<void> | undefined
  #views: Promise<Views> | undefined
  /** Done when every snapshot that was asked for is taken, or failed: they are taken one after another, and closing waits for them. */
  #snapshots: Promise<unknown> = Promise.resolve()

  /** Use {@link openJournal}. */
  constructor(inside: Inside, recovery: Recovery) {
    this.#inside = inside
    this.#store = inside.store
    this.directory = inside.directory
    this.recovery = recovery
    if (inside.views !== undefined) this.#views = Promise.resolve(inside.views)
  }

  /** Position of the last event, and the digest of the history up to it. */
  get head(): Head {
    return this.#store.head
  }

  /**
   * Appends events to a stream as one commit, all or nothing. Resolves when it is on the disk (with `os`: in the hands of the
   * operating system). Calls for one stream keep their order without being awaited.
   * @throws JournalError VERSION_CONFLICT, COMMIT_ID_REUSED, EVENT_INVALID, LAW_BROKEN, LIMIT, READ_ONLY, FENCED, CLOSED, POISONED,
   * DAMAGED, DISK_FULL, IO; each with `details.outcome`. TypeError for misuse.
   */
  append(stream: string, events: readonly NewEvent<D>[], options: AppendOptions = {}): Promise<Receipt> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed('none'))
    if (this.#inside.appender === undefined) {
      const message = `${this.directory} was opened for reading. Open it without readOnly to append.`
      return Promise.reject(new JournalError('JOURNAL_READ_ONLY', message, { directory: this.directory, outcome: 'none' }))
    }
    return this.#inside.appender.append(stream, events, options, options.durability ?? this.#inside.durability)
  }

  /**
   * Events of one stream; `after` is a version, and in reverse reading goes down from below it.
   * @throws JournalError JOURNAL_DAMAGED at a gap unless `onGap: 'yield'`.
   */
  read<const O extends ReadOptions>(stream: string, options?: O): AsyncIterable<Item<D, O>> {
    this.#mustBeOpen()
    return this.#inside.reading.stream(stream, options ?? {}) as AsyncIterable<Item<D, O>>
  }

  /** Events of all streams; `after` is a position, and in reverse reading goes down from below it. */
  readAll<const O extends ReadAllOptions>(options?: O): AsyncIterable<Item<D, O>> {
    this.#mustBeOpen()
    return this.#inside.reading.all(options ?? {}) as AsyncIterable<Item<D, O>>
  }

  /** Commits of all streams, or of one, oldest first: what a copy of the history has to hold. Gaps as in `read`. */
  commits<const O extends CommitOptions>(
    options?: O,
  ): AsyncIterable<O extends { onGap: 'yield' } ? RecordedCommit | { gap: Damage; events?: undefined } : RecordedCommit> {
    this.#mustBeOpen()
    return this.#inside.reading.commits(options ?? {}) as AsyncIterable<RecordedCommit>
  }

  /**
   * Every event behind `after`, then each new one once it is durable, without gap or repeat. Ends when the signal aborts or
   * the journal closes.
   * @throws JournalError JOURNAL_HISTORY_CHANGED if `after` (position and digest, to be sure) is no longer part of the history.
   */
  follow(options: FollowOptions = {}): AsyncIterable<RecordedEvent<D>> {
    this.#mustBeOpen()
    return follow(this.#store, this.#inside.reading, options) as AsyncIterable<RecordedEvent<D>>
  }

  /** The same as an RxJS Observable; each subscription is a follower of its own. */
  events$(options: Omit<FollowOptions, 'signal'> = {}): Observable<RecordedEvent<D>> {
    return events$((signal) => this.follow({ ...options, signal }))
  }

  /** The view now, then each change of it. */
  view$<S, K extends Key>(projection: Projection<S, K>, key: K): Observable<View<S>> {
    const views = view$(() => this.#projected(), projection as unknown as Projection, key) as Observable<View<S>>
    return views.pipe(concatMap((view) => this.#marked(key, view)))
  }

  /**
   * A projection's state for a key. In the writing process it includes every append that resolved before.
   * @throws JournalError JOURNAL_PROJECTION_FAILED, JOURNAL_UPCASTER_FAILED; TypeError for a projection the journal does not have.
   */
  async view<S, K extends Key>(projection: Projection<S, K>, key: K): Promise<View<S>> {
    const views = await this.#projected()
    return this.#marked(key, (await views.row(projection as unknown as Projection, key)) as View<S>)
  }

  /** Rows of a projection in one of its orders, filtered and in pages; see {@link ListOptions}. */
  async *list<S, K extends Key>(projection: Projection<S, K>, options: ListOptions<S> = {}): AsyncGenerator<ListRow<S>, void, undefined> {
    for await (const row of list(await this.#projected(), projection, options)) yield await this.#marked(row.key, row)
  }

  /** What the next model call of a thread needs; gaps as in `read`. Cost: linear in the stream; with `last`, in the turns these entries are of. */
  transcript(stream: string, threadId: string, options: TailOptions): Promise<P>
  transcript(stream: string, threadId: string, options?: TranscriptOptions): Promise<R>
  async transcript(stream: string, threadId: string, options: TranscriptOptions & Partial<TailOptions> = {}): Promise<unknown> {
    this.#mustBeOpen()
    const fold = this.#inside.transcript
    if (fold === undefined) throw new TypeError('transcript needs the built-in events; this journal was opened with others')
    const { last, ...rest } = options
    if (last === undefined) return transcriptOf(this.#inside, fold, stream, threadId, rest)
    return tailOf(this.#inside, fold, stream, threadId, { ...rest, last })
  }

  /** Saves every projection's rows in a file that the next open can start from. Resolves with what was written. */
  async snapshot(): Promise<SnapshotRecord[]> {
    if (this.#inside.appender === undefined)
      throw new JournalError('JOURNAL_READ_ONLY', `${this.directory} was opened for reading.`, { directory: this.directory })
    const taken = Promise.all([this.#projected(), this.#snapshots]).then(([views]) =>
      takeSnapshots(this.#store, views, this.#inside.snapshots),
    )
    // Whoever asked is told of a failure; the next is taken all the same.
    this.#snapshots = taken.then(nothing, nothing)
    return taken
  }

  /** Reads every byte of the journal and says what does not check. Changes nothing. */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#mustBeOpen()
    const { snapshots: fold = false, laws = false, ...rest } = options
    const { head, ...found } = await (laws ? verifyWithLaws(this.#store, this.#inside.laws, rest) : this.#store.verify(rest))
    return { ...found, ...head, snapshots: await checkSnapshots(this.#inside, fold, options.signal) }
  }

  /** What was written down as lost, oldest record first. */
  get gaps(): readonly Damage[] {
    return this.#store.gaps()
  }

  /** Names the journal for ever. */
  get id(): string {
    return this.#store.id
  }

  /** Bytes of the journal itself, without what is derived from it; compressed segments take less on the disk. */
  get bytes(): number {
    return this.#store.bytes()
  }

  /** Waits for what is on its way, ends followers, writes out derived state, leaves a clean end. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(): Promise<void> {
    try {
      await this.#inside.appender?.idle()
      await this.#snapshots
      await this.#endViews()
      await this.#inside.place.leave()
    } finally {
      await this.#store.close({ clean: this.#inside.clean })
    }
  }

  async #endViews(): Promise<void> {
    // Views that did not start have told whoever asked for them, and left nothing open.
    const views = await this.#views?.catch(() => undefined)
    await views?.close(this.#inside.appender !== undefined)
  }

  /** The views; a reader starts them when they are first asked for, in a place of its own. */
  #projected(): Promise<Views> {
    this.#mustBeOpen()
    this.#views ??= startViews({ ...this.#inside, directory: this.#inside.place.directory }).then(({ views }) => views)
    return this.#views
  }

  /** A row with what its stream lost, which is the one that its key begins with. */
  async #marked<T extends object>(key: Key, row: T): Promise<T> {
    const gaps = await this.#store.gapsOf(typeof key === 'string' ? key : (key[0] as string))
    return gaps.length === 0 ? row : { ...row, gaps }
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw this.#closed()
  }

  #closed(outcome?: 'none'): JournalError {
    const details = { directory: this.directory, ...(outcome && { outcome }) }
    return new JournalError('JOURNAL_CLOSED', `The journal in ${this.directory} is closed.`, details)
  }
}

function nothing(): void {}

/** What a journal holds inside. */
interface Inside {
  directory: string
  store: CommitStore<LawStates>
  schemas: Schemas
  laws: Laws
  reading: Reading
  appender: Appender | undefined
  views: Views | undefined
  projections: readonly Projection[]
  snapshots: SnapshotFiles
  stores: DerivedStores
  place: DerivedPlace
  scratch(): DerivedPlace
  rowsMax: number
  durability: Durability
  transcript: TranscriptFold | undefined
  clean: boolean
}

/**
 * Opens a journal with the parts it is made of.
 * Looks first and touches nothing until it knows that it may; see {@link JournalOptions}.
 */
export async function openWith<D extends EventDefinitions, R, P>(
  directory: string,
  parts: Parts<D>,
  options: JournalOptions,
): Promise<Journal<D, R, P>> {
  checkOptions(options)
  const began = performance.now()
  const schemas = new Schemas(parts.events, parts.upcasters, options)
  const laws = new Laws(parts.laws, schemas)
  const limits = limitsOf(options.limits)
  const { store, files, clock } = await openCommitStore<LawStates>(directory, {
    ...options,
    notes: laws,
    admit: (look) => schemas.admit(look.types),
    commitBytesMax: limits.commitBytesMax,
  })
  try {
    const readOnly = options.readOnly === true
    const appender = readOnly ? undefined : new Appender(store, schemas, laws, limits, () => clock.now())
    const closes = appender !== undefined && options.onInterrupted !== 'leave'
    const unclosed = closes ? await closeInterrupted(store, appender) : []
    const isLeft = (stream: string): boolean => unclosed.some((one) => one.stream === stream)
    const work = await reportOpenWork(store, laws, readOnly && !store.recovery.liveWriter ? () => true : isLeft)
    const snapshots = new SnapshotFiles(files, clock, directory)
    const place = derivedPlace(directory, files, clock, options)
    const shared = { store, schemas, projections: parts.projections, snapshots, stores: place.stores, rowsMax: options.cacheRows ?? 20_000 }
    const started = readOnly ? undefined : await startViews({ ...shared, directory: place.directory })
    started?.views.catchUp()
    const recovery = recoveryOf(store, work, unclosed, started?.report, schemas, performance.now() - began)
    const inside: Inside = {
      ...shared,
      laws,
      directory,
      reading: new Reading(store, schemas),
      appender,
      views: started?.views,
      place,
      scratch: () => derivedPlace(directory, files, clock, { ...options, readOnly: true }),
      durability: options.durability ?? 'disk',
      transcript: parts.transcript,
      clean: (closes && unclosed.length === 0) || store.recovery.clean,
    }
    return new Journal<D, R, P>(inside, recovery)
  } catch (error) {
    await store.close({ clean: false })
    throw error
  }
}
