/** Journals in memory that are always the same, and all that they hold, to be held against what is read once they were hurt. */
import { unpacked, type StoredCommit } from '../../../src/storage/commit-store.js'
import { Appending, contents, event, openStore, type Options, type Store } from '../../storage/support/journal.js'
import { MemoryFiles } from '../../storage/support/memory-files.js'

export const DIRECTORY = '/journal'
const STREAMS = 5

export interface Golden {
  files: MemoryFiles
  options: Options
  /** Every commit, by the position of its first event. */
  commits: Map<number, StoredCommit>
  /** Position of the last event. */
  last: number
  /** How many events each stream has. */
  versions: Map<string, number>
  segments: Segment[]
}

export interface Segment {
  path: string
  /** Positions in it. */
  first: number
  last: number
  sealed: boolean
  records: Record[]
}

/** Where a commit lies in its segment. */
export interface Record {
  stream: string
  version: number
  events: number
  from: number
  to: number
}

export const textOf = ({ position, stream, version, at, commitId, events }: StoredCommit): string =>
  JSON.stringify([position, stream, version, at, commitId, events.map(unpacked)])

/** A clock that counts, and chance that is none. */
export function countingClock(): NonNullable<Options['clock']> {
  let calls = 0
  return { now: () => 1_700_000_000_000 + calls++, random: (bytes) => Buffer.alloc(bytes, (calls++ % 251) + 1) }
}

/** A closed journal of about so many bytes of segments, of which the last is active and short. */
export async function goldenJournal(bytes: number, segmentBytes: number): Promise<Golden> {
  const { files, options } = await written(bytes, segmentBytes, countingClock())
  return describe(files, options)
}

/** The same journal when it was half as long, and another that is just like it but for its id. */
export async function strangersTo(bytes: number, segmentBytes: number): Promise<{ older: MemoryFiles; foreign: MemoryFiles }> {
  const clock = countingClock()
  const foreign = await written(bytes, segmentBytes, {
    ...clock,
    random: (length) => Buffer.alloc(length, 0x77 ^ (clock.random(1)[0] as number)),
  })
  return { older: (await written(bytes >> 1, segmentBytes, countingClock())).files, foreign: foreign.files }
}

async function written(
  bytes: number,
  segmentBytes: number,
  clock: NonNullable<Options['clock']>,
): Promise<{ files: MemoryFiles; options: Options }> {
  const files = new MemoryFiles()
  const options: Options = { files, segmentBytes, clock }
  const store = await openStore(DIRECTORY, options)
  const writer = new Appending(store)
  for (let n = 0; store.bytes() < bytes; n++) {
    const stream = `s${n % STREAMS}`
    const events = Array.from({ length: 1 + (n % 3) }, (_, i) => event(n * 10 + i, i === 2 ? 'claim' : 'added', 'text '.repeat(n % 7)))
    await Promise.all([
      writer.now(stream, events, { commitId: `c${n}`, at: n + 1 }),
      ...(n % 4 === 0 ? [writer.now(`t${n % 3}`, [event(n)], { at: n + 1 })] : []),
    ])
    if (n % 64 === 63) await vouch(store, n)
  }
  await vouch(store, 1)
  await store.close()
  trim(files)
  return { files, options }
}

/** A frame that vouches for a snapshot, whose file is of no matter here. */
async function vouch(store: Store, n: number): Promise<void> {
  await store.recordSnapshot({
    projection: 'tally',
    revision: 1,
    head: store.head,
    file: `snapshots/tally/${String(n).padStart(12, '0')}.snap`,
    bytes: n,
    sha256: 'ab'.repeat(32),
  })
}

/** Takes away the zeros that were written ahead: they are no part of what is tried, and slow. */
function trim(files: MemoryFiles): void {
  for (const inode of files.inodes.values()) inode.bytes = inode.bytes.subarray(0, inode.bytes.findLastIndex((byte) => byte !== 0) + 1)
}

async function describe(files: MemoryFiles, options: Options): Promise<Golden> {
  const store = await openStore(DIRECTORY, { ...options, readOnly: true })
  const { commits, gaps } = await contents(store)
  if (gaps.length > 0 || store.recovery.damage.length > 0) throw new Error('the golden journal is damaged')
  await store.close()
  const versions = new Map<string, number>()
  for (const { stream, version, events } of commits) versions.set(stream, version + events.length - 1)
  const paths = [...files.inodes.keys()].filter((path) => path.endsWith('.seg')).toSorted()
  const firsts = paths.map((path) => Number(/-(\d+)\.seg$/.exec(path)?.[1]))
  const segments = paths.map((path, i) => {
    const first = firsts[i] as number
    const last = (firsts[i + 1] ?? store.head.position + 1) - 1
    const inside = commits.filter(({ position }) => position >= first && position <= last)
    return { path, first, last, sealed: i < paths.length - 1, records: recordsIn(files.inodes.get(path)?.bytes as Buffer, inside) }
  })
  return {
    files,
    options,
    commits: new Map(commits.map((commit) => [commit.position, { ...commit, events: commit.events.map(unpacked) }])),
    last: store.head.position,
    versions,
    segments,
  }
}

/** Finds each commit's record by the commit ids and streams in it: the bytes stand in order. */
function recordsIn(bytes: Buffer, commits: readonly StoredCommit[]): Record[] {
  let from = 0
  return commits.map(({ stream, version, events }) => {
    from = bytes.indexOf(Buffer.concat([Buffer.of(0x96, 0xa0 | stream.length), Buffer.from(stream)]), from)
    const to = from + bytes.readUInt32LE(from - 4)
    const record = { stream, version, events: events.length, from: from - 8, to }
    from = to
    return record
  })
}
