/** Rewriting a journal in today's format and schemas: beside the old one, checked against it event by event, swapped by rename. */
import type { EventDefinitions } from './define.js'
import type { JournalOptions, Parts } from './engine/contract.js'
import { Copy, history, lastCommit, lossAt } from './engine/copy.js'
import { Laws, type LawStates } from './engine/laws.js'
import { isReceiptOf, receiptCommit, Rewriter, sameForReaders, UPGRADES, type LeftAsStored, type UpgradeReceipt } from './engine/rewrite.js'
import { Schemas } from './engine/schemas.js'
import { JournalError, type Damage } from './errors.js'
import type { CommitStore, Gap, Head, StoredCommit } from './storage/commit-store.js'
import { openCommitStore, Succession, type OpenedStore } from './storage/open.js'
import { coded } from './storage/io.js'
import { nodeFiles } from './storage/node-files.js'
import { FORMAT } from './storage/paths.js'

export interface UpgradeOptions extends Pick<
  JournalOptions,
  'files' | 'clock' | 'lockWaitMs' | 'onUnknown' | 'segmentBytes' | 'sectorBytes'
> {
  /** Only looks: says what an upgrade would do, and changes nothing. */
  dryRun?: boolean
  /** How far it is, of all there is to do; each event counts three times: looked at, written, checked. */
  progress?: (done: number, total: number) => void
}

export interface UpgradeReport extends UpgradeReceipt {
  /** Whether there was anything to do: without, nothing was changed. */
  needed: boolean
  dryRun: boolean
  /** What is written down as lost in the old journal, and in the new one. */
  gaps: Damage[]
  /** Where the old journal lies now; there only where it was replaced. */
  backup?: string
  /** End of the new journal. */
  head?: Head
}

type Store = CommitStore<LawStates>
type Work = { rewritten: number; left: LeftAsStored[] }
type Found = Work & { gaps: Damage[] }
/** How the old journal ends: left in order, by which writer, and with nothing that only a writer can prove. */
type End = { clean: boolean; epoch: number; proven: boolean }

const COMMIT_BYTES_MAX = 1 << 30

export async function upgradeWith<D extends EventDefinitions>(
  directory: string,
  parts: Parts<D>,
  options: UpgradeOptions,
): Promise<UpgradeReport> {
  try {
    return await new Upgrade(directory, parts, options).run()
  } catch (error) {
    throw coded(error, 'Upgrading', directory)
  }
}

class Upgrade {
  readonly #options: UpgradeOptions
  readonly #schemas: Schemas
  readonly #laws: Laws
  readonly #places: Succession
  #total = 0
  #done = 0

  constructor(directory: string, parts: Parts<EventDefinitions>, options: UpgradeOptions) {
    this.#options = options
    this.#schemas = new Schemas(parts.events, parts.upcasters, options)
    this.#laws = new Laws(parts.laws, this.#schemas)
    this.#places = new Succession(directory, options.files ?? nodeFiles)
  }

  async run(): Promise<UpgradeReport> {
    const dryRun = this.#options.dryRun === true
    if (!dryRun) await this.#places.finish()
    const { from, end, ...work } = await this.#look()
    const report: UpgradeReport = { needed: work.rewritten > 0 || from.format < FORMAT, dryRun, from, to: { format: FORMAT }, ...work }
    if (dryRun || !report.needed) return report
    const backup = this.#places.backup(from.format)
    for (let { clean, epoch, proven } = end; ; { clean, epoch, proven } = await this.#settle()) {
      const held = proven ? await this.#places.keepWritersOut(epoch, this.#options.lockWaitMs ?? 1000) : undefined
      if (held === undefined) continue
      try {
        return { ...report, backup, ...(await this.#replace(backup, from.format, clean)) }
      } finally {
        await held.close()
      }
    }
  }

  /** Reads all of it and changes nothing: what there is to do. */
  async #look(): Promise<{ from: UpgradeReceipt['from']; end: End } & Found> {
    const { store } = await this.#open(this.#places.directory, { readOnly: true })
    try {
      this.#total = store.head.position * 3
      const rewriter = new Rewriter(this.#schemas)
      const gaps: Damage[] = []
      for await (const item of history(store)) {
        if ('gap' in item) gaps.push(item.gap)
        else rewriter.commit(item)
        this.#tell(item)
      }
      const { format, clean, epoch } = store.recovery
      const { rewritten, left } = rewriter
      return { from: { format, ...store.head }, end: { clean, epoch, proven: clean }, rewritten, left, gaps }
    } finally {
      await store.close()
    }
  }

  /** Proves the end of the old journal, as any writer that opens it does. */
  async #settle(): Promise<End> {
    const { store } = await this.#open(this.#places.directory, {})
    const { clean, epoch } = store.recovery
    await store.close({ clean })
    return { clean, epoch, proven: true }
  }

  /** Nobody writes to the old journal meanwhile. */
  async #replace(backup: string, format: number, clean: boolean): Promise<Pick<UpgradeReport, 'from' | 'rewritten' | 'left' | 'head'>> {
    const { store: old } = await this.#open(this.#places.directory, { readOnly: true })
    try {
      await this.#places.reopen()
      let built = await this.#build(old, format, clean)
      if (built.resumed && !(await this.#check(old))) {
        await this.#places.empty()
        built = await this.#build(old, format, clean)
      }
      if (!(await this.#check(old))) throw impure()
      await this.#places.swap(backup)
      const { resumed: _resumed, ...done } = built
      return { from: { format, ...old.head }, ...done }
    } finally {
      await old.close()
    }
  }

  /** Writes the new journal, or what is missing of it. */
  async #build(old: Store, format: number, clean: boolean): Promise<Work & { resumed: boolean; head: Head }> {
    const store = await this.#successor(old)
    const from = store.head.position
    const rewriter = new Rewriter(this.#schemas)
    try {
      const copy = new Copy(store, this.#laws)
      for await (const item of history(old)) {
        this.#tell(item)
        if ('gap' in item) {
          if (item.gap.firstPosition > from) await copy.lose(lossAt(old, item))
          continue
        }
        const { position } = item
        const rewritten = rewriter.commit(item)
        if (position > from) await copy.add({ ...rewritten, position })
      }
      await copy.written()
      if (store.head.position === old.head.position) await this.#leaveReceipt(store, old, format, rewriter)
    } finally {
      await store.close({ clean })
    }
    return { resumed: from > 0, rewritten: rewriter.rewritten, left: rewriter.left, head: store.head }
  }

  /** The new journal, open for writing; empty where what was there of it cannot be gone on with. */
  async #successor(old: Store): Promise<Store> {
    const { building } = this.#places
    const compress = old.recovery.packed
    const first = await this.#open(building, { onDamage: 'refuse', compress }).catch((error: unknown) => {
      if (error instanceof JournalError && error.code === 'JOURNAL_DAMAGED') return undefined
      throw error
    })
    if (first !== undefined) {
      const { store } = first
      const { position } = store.head
      const last = position > old.head.position ? await lastCommit(store) : undefined
      if (position <= old.head.position || (position === old.head.position + 1 && isReceiptOf(last, old.head))) return store
      await store.close()
    }
    await this.#places.empty()
    return (await this.#open(building, { compress })).store
  }

  async #leaveReceipt(store: Store, old: Store, format: number, { rewritten, left }: Work): Promise<void> {
    const { version, note } = await store.stream(UPGRADES)
    const receipt: UpgradeReceipt = { from: { format, ...old.head }, to: { format: FORMAT }, rewritten, left }
    const at = Math.max(store.lastAt, this.#options.clock?.now() ?? Date.now())
    await store.append(receiptCommit(receipt, version + 1, at), note, [], 'disk')
  }

  /** Whether the new journal, as it lies on the disk, says what the old one does, and was written from this very history. */
  async #check(old: Store): Promise<boolean> {
    const { store } = await this.#open(this.#places.building, { readOnly: true })
    const after = history(store)
    try {
      for await (const item of history(old)) {
        const { value } = await after.next()
        if (value === undefined || !sameForReaders(this.#schemas, item, value)) return false
        this.#tell(item)
      }
      const { value: last } = await after.next()
      return last !== undefined && !('gap' in last) && isReceiptOf(last, old.head) && (await after.next()).done === true
    } finally {
      await after.return(undefined)
      await store.close()
    }
  }

  #open(directory: string, options: Pick<JournalOptions, 'readOnly' | 'onDamage' | 'compress'>): Promise<OpenedStore<LawStates>> {
    const { files, clock, lockWaitMs, segmentBytes, sectorBytes } = this.#options
    return openCommitStore<LawStates>(directory, {
      ...{ files, clock, lockWaitMs, segmentBytes, sectorBytes },
      ...options,
      notes: this.#laws,
      admit: (look) => this.#schemas.admit(look.types),
      commitBytesMax: COMMIT_BYTES_MAX,
    })
  }

  #tell(item: StoredCommit | Gap): void {
    this.#done += 'gap' in item ? positionsOf(item) : item.events.length
    this.#options.progress?.(Math.min(this.#done, this.#total), this.#total)
  }
}

function positionsOf({ gap: { firstPosition, lastPosition = firstPosition } }: Gap): number {
  return lastPosition + 1 - firstPosition
}

function impure(): JournalError {
  return new JournalError(
    'JOURNAL_UPCASTER_FAILED',
    'The new journal does not say what the old one does: some step gives another answer each time. Steps are pure. The old journal is in use as before.',
    { type: '', schema: 0 },
  )
}
