/** Opening a store: look, refuse, lock, look again, go on. */
import { dirname, join, resolve } from 'node:path'
import { ioError, JournalError } from '../errors.js'
import type { CommitStore, Look, StoreRecovery, StreamNotes } from '../storage/commit-store.js'
import type { Clock, FileHandle, Files } from '../storage/files.js'
import { Kind } from './frame.js'
import { HeadFile, readHead } from './head-file.js'
import { Indexes } from './indexes.js'
import { Epoch, isLocked, readEpoch, takeLock } from './lock.js'
import { look, type Looked } from './look.js'
import { setAside } from './quarantine.js'
import { ReaderStore } from './reader-store.js'
import { FORMAT, FORMAT_TEXT, NO_DIGEST, segmentName, type SegmentName } from './segment.js'
import { SegmentWriter } from './segment-writer.js'
import { Segments } from './segments.js'
import { Carried } from './carried.js'
import { WriterStore } from './writer-store.js'

export interface OpenStore<Note> {
  notes: StreamNotes<Note>
  /** Called before anything is touched; throws to refuse. */
  admit(look: Look): void
  files: Files
  clock: Clock
  readOnly?: boolean
  onDamage?: 'isolate' | 'refuse'
  lockWaitMs?: number
  sectorBytes?: number
  segmentBytes?: number
  queueBytes?: number
}

const ALIGNMENTS = [8, 512, 4096]
/** What an unfinished creation may have left, and nothing else may. */
const CREATION = /^(FORMAT|LOCK|head|journal|epoch-\d+|derived|snapshots|quarantine)$/

export async function openCommitStore<Note>(path: string, options: OpenStore<Note>): Promise<CommitStore<Note>> {
  const directory = resolve(path)
  const { sectorBytes = 8 } = options
  if (!ALIGNMENTS.includes(sectorBytes)) throw new TypeError(`sectorBytes is one of ${ALIGNMENTS.join(', ')}`)
  const opening = new Opening(directory, options)
  return options.readOnly === true ? opening.reader() : opening.writer()
}

class Opening<Note> {
  readonly #directory: string
  readonly #options: OpenStore<Note>

  constructor(directory: string, options: OpenStore<Note>) {
    this.#directory = directory
    this.#options = options
  }

  async reader(): Promise<CommitStore<Note>> {
    const { files, clock, notes } = this.#options
    if ((await this.#state()) !== 'there') throw new JournalError('JOURNAL_NOT_FOUND', `There is no journal in ${this.#directory}. Open it without readOnly to create one.`, { directory: this.#directory })
    const indexes = new Indexes(files, clock, notes, false)
    const liveWriter = await isLocked(files, this.#directory)
    const looked = await this.#look(indexes, liveWriter ? await this.#headPosition() : undefined)
    const unproven = liveWriter ? 0 : leaveOut(looked)
    this.#admit(looked)
    const recovery = { ...this.#recovery(looked, await readEpoch(files, this.#directory)), unproven, liveWriter }
    return new ReaderStore({ directory: this.#directory, notes, looked, indexes, recovery }, files)
  }

  async writer(): Promise<CommitStore<Note>> {
    const { files } = this.#options
    const state = await this.#state()
    if (state === 'there') this.#admit(await this.#glance())
    if (state === 'none') await this.#makeDirectory(this.#directory)
    const lock = await takeLock(files, this.#directory, this.#options.lockWaitMs ?? 1000)
    try {
      if ((await this.#state()) !== 'there') await this.#create()
      return await this.#locked(lock)
    } catch (error) {
      await lock.close()
      throw error
    }
  }

  /** A look that leaves nothing open. */
  async #glance(): Promise<Looked<Note>> {
    const { files, clock, notes } = this.#options
    const indexes = new Indexes(files, clock, notes, false)
    const looked = await this.#look(indexes)
    await indexes.close()
    await looked.segments.close()
    return looked
  }

  async #locked(lock: FileHandle): Promise<CommitStore<Note>> {
    const { files, clock, notes, sectorBytes = 8, segmentBytes = 16 << 20, queueBytes = 8 << 20 } = this.#options
    const epoch = await Epoch.take(files, this.#directory)
    const indexes = new Indexes(files, clock, notes, true)
    const looked = await this.#look(indexes)
    this.#admit(looked)
    const recovery = this.#recovery(looked, epoch.number)
    if (looked.tail === 'torn') recovery.tornBytes = await setAside(files, clock, this.#directory, looked)
    const headFile = await HeadFile.open(files, this.#directory)
    const writer = new SegmentWriter(files, clock, looked.segments, sectorBytes, { ...looked.end })
    const segment = recovery.clean && looked.last.offset < segmentBytes ? await goOn(writer, looked) : await begin(writer, looked)
    const sealedBytes = await this.#sealedBytes(looked.segments, segment)
    return new WriterStore({ directory: this.#directory, notes, looked, indexes, recovery }, { writer, segment, lock, epoch, headFile, segmentBytes, queueBytes, sealedBytes })
  }

  #look(indexes: Indexes<Note>, upTo?: number): Promise<Looked<Note>> {
    const { files, notes } = this.#options
    return look({
      files,
      directory: this.#directory,
      notes,
      noteBefore: async (segments, stream, number) => (await indexes.head(segments, stream, number))?.note ?? notes.initial(),
      ...(upTo === undefined ? {} : { upTo }),
    })
  }

  #admit(looked: Looked<Note>): void {
    const { position, digest } = looked.end
    if (this.#options.onDamage === 'refuse' && looked.damage.length > 0) {
      throw new JournalError('JOURNAL_DAMAGED', `The journal in ${this.#directory} is damaged in ${looked.damage.length} place(s), and it was asked to refuse that. Nothing was changed.`, {
        directory: this.#directory,
        damage: looked.damage,
      })
    }
    this.#options.admit({ format: FORMAT, types: looked.carried.types, head: { position, digest }, damage: looked.damage })
  }

  #recovery(looked: Looked<Note>, epoch: number): StoreRecovery {
    return { format: FORMAT, epoch, tornBytes: 0, unproven: 0, damage: looked.damage, clean: endsCleanly(looked), liveWriter: false }
  }

  async #headPosition(): Promise<number | undefined> {
    return (await readHead(this.#options.files, this.#directory))?.position
  }

  async #sealedBytes(segments: Segments, active: SegmentName): Promise<number> {
    let bytes = 0
    for (const segment of segments.all) if (segment.number !== active.number) bytes += await segments.limit(segment)
    return bytes
  }

  /** What is in the directory: no directory or nothing of ours, an unfinished creation, or a journal. */
  async #state(): Promise<'none' | 'unfinished' | 'there'> {
    const { files } = this.#options
    let names: string[]
    try {
      names = await files.readdir(this.#directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
      throw ioError(error, 'Looking into', this.#directory)
    }
    if (names.includes('FORMAT')) {
      const format = await this.#format()
      if (format !== undefined) {
        if (format > FORMAT) throw this.#newer(format)
        if ((await Segments.list(files, this.#directory)).length > 0 || files.exists(join(this.#directory, 'head'))) return 'there'
      }
    }
    const foreign = names.find((name) => !CREATION.test(name))
    if (foreign !== undefined || (await Segments.list(files, this.#directory)).length > 0) throw this.#foreign(foreign)
    return names.length === 0 ? 'none' : 'unfinished'
  }

  /** The format that the directory says it has; undefined while FORMAT is not written. */
  async #format(): Promise<number | undefined> {
    const path = join(this.#directory, 'FORMAT')
    const handle = await this.#options.files.open(path, 'r')
    try {
      const bytes = Buffer.alloc(64)
      const text = bytes.toString('latin1', 0, await handle.read(bytes, 0))
      const match = /^turnlog (\d+)\n$/.exec(text)
      if (match !== null) return Number(match[1])
      if (FORMAT_TEXT.startsWith(text) || /^\0*$/.test(text)) return undefined
      throw this.#foreign('FORMAT')
    } catch (error) {
      throw ioError(error, 'Reading', path)
    } finally {
      await handle.close()
    }
  }

  /** Finishes a creation from wherever it was left. FORMAT comes first, the first segment last. */
  async #create(): Promise<void> {
    const { files, clock, sectorBytes = 8 } = this.#options
    const path = join(this.#directory, 'FORMAT')
    try {
      const handle = files.exists(path) ? await files.open(path, 'r+') : await files.open(path, 'wx')
      if ((await handle.write(Buffer.from(FORMAT_TEXT), 0)) !== FORMAT_TEXT.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
      await handle.datasync()
      await handle.close()
      await this.#makeDirectory(join(this.#directory, 'journal'))
      await files.syncDir(this.#directory)
    } catch (error) {
      throw ioError(error, 'Creating the journal in', this.#directory)
    }
    const journalId = Buffer.from(clock.random(16)).toString('hex')
    const segments = new Segments(files, this.#directory, [])
    const writer = new SegmentWriter(files, clock, segments, sectorBytes, { journalId, group: 0, position: 0, digest: NO_DIGEST })
    await writer.begin(1, new Carried().header({ sealedEnd: 0, group: 0, position: 0, digest: NO_DIGEST }))
    await writer.close()
    await segments.close()
  }

  /** Creates a directory and what is missing above it, each durable in its parent. */
  async #makeDirectory(path: string): Promise<void> {
    const { files } = this.#options
    try {
      await files.mkdir(path)
      await files.syncDir(dirname(path))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' && dirname(path) !== path) {
        await this.#makeDirectory(dirname(path))
        return this.#makeDirectory(path)
      }
      if (code !== 'EEXIST') throw ioError(error, 'Creating', path)
    }
  }

  #newer(found: number): JournalError {
    return new JournalError('JOURNAL_NEWER_FORMAT', `The journal in ${this.#directory} has format ${found}; this program reads format ${FORMAT}. Use a newer version of turnlog. Nothing was changed.`, {
      found,
      supported: FORMAT,
    })
  }

  #foreign(name: string | undefined): JournalError {
    return new JournalError('JOURNAL_NOT_FOUND', `${this.#directory} is not empty and holds no journal${name === undefined ? '' : ` (there is ${name})`}. Choose another directory. Nothing was changed.`, {
      directory: this.#directory,
    })
  }
}

/** Whether the last writer closed, and nothing came behind. */
function endsCleanly({ final, head, last, tail, damage, end }: Looked<unknown>): boolean {
  if (damage.length > 0 || tail !== 'clean') return false
  if (final === undefined) return end.position === 0 && last.segment.number === 1
  return final.header.kind === Kind.clean && head?.cleanEnd === last.offset && head.segment === last.segment.number
}

/** Goes on in the same segment, behind its clean end. */
async function goOn(writer: SegmentWriter, looked: Looked<unknown>): Promise<SegmentName> {
  await writer.resume(looked.last.segment, looked.last.offset)
  return looked.last.segment
}

/** Begins a new segment. A last group that nothing proved is written there again, because what was read may be on no disk. */
async function begin(writer: SegmentWriter, { final, last, carried, end, tail, accept }: Looked<unknown>): Promise<SegmentName> {
  const before = final?.before ?? end
  Object.assign(writer.end, before)
  const sealedEnd = tail === 'damaged' ? last.size : (final?.at ?? last.offset)
  const header = carried.header({ sealedEnd, group: before.group, position: before.position, digest: before.digest })
  const again = final?.header.kind === Kind.data ? { payload: final.payload, records: final.header.records, events: final.header.events } : undefined
  const { segment, again: at } = await writer.begin(last.segment.number + 1, header, again)
  if (at !== undefined) await accept(segment, at)
  return segment
}

/** Leaves out a last group that nobody vouches for. Returns how many bytes lie behind what is shown. */
function leaveOut({ final, last, end, tail }: Looked<unknown>): number {
  if (final?.header.kind !== Kind.data) return tail === 'torn' ? last.size - last.offset : 0
  Object.assign(end, final.before)
  return last.offset - final.at
}
