/** Finders that pull the power, lose syncs, and open twice: each says what it found, if anything. */
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { isJournalError } from '../../src/errors.js'
import { SnapshotFiles } from '../../src/storage/snapshot-file.js'
import { Appending, contents, event, numbers, openStore, type Options, type Store } from '../storage/support/journal.js'
import { earlyWrites } from '../storage/support/early-writes.js'
import { MemoryFiles } from '../storage/support/memory-files.js'
import { countingClock } from '../torture/rot/golden.js'
import { Pessimist } from './pessimist.js'

const DIRECTORY = '/journal'

/** A disk as the power left it, and what had been promised until then. */
interface Image {
  files: MemoryFiles
  acknowledged: number
}

async function read(files: MemoryFiles, options: Options = {}): Promise<{ store: Store; commits: StoredCommit[] }> {
  const store = await openStore(DIRECTORY, { files, ...options })
  return { store, commits: (await contents(store)).commits }
}

/** Whether an image holds what was promised, whole and in order, and gives no alarm. */
async function judge({ files, acknowledged }: Image, options: Options): Promise<string | undefined> {
  let opened
  try {
    opened = await read(files, options)
  } catch (error) {
    return acknowledged === 0 ? undefined : `is not opened: ${String(error)}`
  }
  const found = numbers(opened.commits)
  const { damage } = opened.store.recovery
  await opened.store.close()
  if (damage.length > 0) return `gives an alarm: ${damage[0]?.reason}`
  if (found.some((n, i) => n !== i)) return `holds ${found.join(' ')}`
  return found.length < acknowledged ? `lost ${acknowledged - found.length} of ${acknowledged} acknowledged events` : undefined
}

/** Small segments, a torn end on the way, a second writer; the power goes before every call that changes something. */
async function script(options: Options, take: (files: Pessimist, acknowledged: number) => Image[]): Promise<Image[]> {
  const files = new Pessimist()
  files.directories.add('/journal')
  await files.syncDir('/')
  const images: Image[] = []
  let acknowledged = 0
  files.step = () => images.push(...take(files, acknowledged))
  for (let life = 0; life < 2; life++) {
    const store = await openStore(DIRECTORY, { files, clock: countingClock(), ...options })
    const writer = new Appending(store)
    for (let n = 0; n < 4; n++) {
      const number = life * 4 + n
      await writer.append(`s${n % 2}`, [event(number, 'added', 'x'.repeat(100))], { at: number + 1 })
      acknowledged = number + 1
      images.push(...take(files, acknowledged))
    }
    await store.close({ clean: life > 0 })
  }
  files.step = () => {}
  return images
}

async function first(images: readonly Image[], options: Options): Promise<string | undefined> {
  for (const [i, image] of images.entries()) {
    const what = await judge(image, options)
    if (what !== undefined) return `power cut ${i}: ${what}`
  }
  return undefined
}

/** Only what was synced is left; or by chance the head file, the new names, or all. */
export async function powerCuts(): Promise<string | undefined> {
  const options = { segmentBytes: 700 }
  const images = await script(options, (files, acknowledged) =>
    [() => false, (path: string) => path.endsWith('head'), (path: string) => !path.endsWith('.seg')].map((kept) => ({
      files: files.crashed(kept),
      acknowledged,
    })),
  )
  return first(images, options)
}

/** Links that the disk kept although nothing else was: a name must never lead to half a file. */
export async function namesKept(): Promise<string | undefined> {
  const files = new Pessimist()
  files.directories.add('/journal')
  let found: string | undefined
  files.step = () => {
    const left = files.crashed((path) => !path.endsWith('.tmp') && !path.endsWith('head'))
    const bare = files.crashed()
    for (const path of left.inodes.keys())
      if (path.endsWith('.seg') && !bare.inodes.has(path) && files.unsynced(path)) found ??= `${path} has its name before it is on the disk`
  }
  const store = await openStore(DIRECTORY, { files, segmentBytes: 700 })
  const writer = new Appending(store)
  for (let n = 0; n < 8; n++) await writer.append('s', [event(n, 'added', 'x'.repeat(100))])
  await store.close()
  return found
}

/** Every sector that was being written holds garbage, and frames are padded so that no other is in it. */
export async function garbage(): Promise<string | undefined> {
  const options = { sectorBytes: 4096, segmentBytes: 64 << 10 }
  const images = await script(options, (files, acknowledged) => [{ files: files.garbled(), acknowledged }])
  for (const [i, { files, acknowledged }] of images.entries()) {
    if (acknowledged === 0) continue
    const { store, commits } = await read(files, options)
    await store.close()
    // What was being written may be reported; what was acknowledged before is there.
    if (commits.length < acknowledged) return `garbage ${i}: lost ${acknowledged - commits.length} of ${acknowledged} acknowledged events`
  }
  return undefined
}

/** A sync fails, and with it go the bytes; the page cache goes on showing them until the power goes. */
export async function failedSync(): Promise<string | undefined> {
  const files = new Pessimist()
  files.directories.add('/journal')
  await files.syncDir('/')
  const store = await openStore(DIRECTORY, { files })
  const writer = new Appending(store)
  await writer.append('s', [event(0)])
  files.failSync = true
  let acknowledged = 1
  for (let n = 1; n < 3; n++)
    await writer.append('s', [event(n)]).then(
      () => acknowledged++,
      () => undefined,
    )
  await store.close().catch(() => undefined)
  const after = await judge({ files: files.crashed(), acknowledged }, {})
  if (after !== undefined) return `after a failed sync: ${after}`
  return afterDeath(files)
}

/** The process dies with the page cache full of what no disk has; what the next one shows must outlive a power cut. */
async function afterDeath(files: Pessimist): Promise<string | undefined> {
  for (const inode of files.inodes.values()) inode.lock = undefined
  const { store, commits } = await read(files)
  await new Appending(store).append('other', [event(commits.length)])
  const what = await judge({ files: files.crashed(), acknowledged: commits.length + 1 }, {})
  await store.close()
  return what === undefined ? undefined : `shown to a reader, then: ${what}`
}

/** A write takes less than it is given. */
export async function shortWrite(): Promise<string | undefined> {
  for (let nth = 1; nth < 40; nth++) {
    const files = new MemoryFiles()
    files.directories.add('/journal')
    let writes = 0
    files.fault = (call, path) => (call === 'write' && path.endsWith('.seg') && ++writes === nth ? 60 : undefined)
    let acknowledged = 0
    const store = await openStore(DIRECTORY, { files }).catch(() => undefined)
    if (store === undefined) continue
    const writer = new Appending(store)
    for (let n = 0; n < 6; n++)
      await writer.append('s', [event(n, 'added', 'text')]).then(
        () => acknowledged++,
        () => undefined,
      )
    await store.close().catch(() => undefined)
    const what = await judge({ files: files.copy(), acknowledged }, {})
    if (what !== undefined) return `short write ${nth}: ${what}`
  }
  return undefined
}

/** Two who write at once. */
export async function twoWriters(): Promise<string | undefined> {
  const files = new MemoryFiles()
  const one = await openStore(DIRECTORY, { files })
  await new Appending(one).append('s', [event(0)])
  const second = await openStore(DIRECTORY, { files, lockWaitMs: 0 }).catch((error: unknown) => error)
  if (!isJournalError(second, 'JOURNAL_LOCKED')) return 'a second writer was let in'
  for (const inode of files.inodes.values()) inode.lock = undefined
  const two = await openStore(DIRECTORY, { files, lockWaitMs: 0 })
  const late = await new Appending(one).append('s', [event(1)]).catch((error: unknown) => error)
  await two.close()
  return isJournalError(late, 'JOURNAL_FENCED') ? undefined : 'a writer whose lock was lost acknowledged an append'
}

/** Appends that nobody waits for, and a close. */
export async function closing(): Promise<string | undefined> {
  const files = new Pessimist()
  files.directories.add('/journal')
  await files.syncDir('/')
  const store = await openStore(DIRECTORY, { files })
  const writer = new Appending(store)
  // Each too large to go with another, so that they are written one after the other.
  const done = [0, 1, 2].map((n) =>
    writer.now('s', [event(n, 'added', 'x'.repeat(400_000))]).then(
      () => true,
      () => false,
    ),
  )
  await store.close().catch(() => undefined)
  const settled = await Promise.race([Promise.all(done), new Promise<undefined>((resolve) => setTimeout(resolve, 300, undefined))])
  if (settled === undefined || settled.includes(false)) return 'an append that was called before close did not come through'
  return judge({ files: files.crashed(), acknowledged: 3 }, {})
}

/** A snapshot is vouched for only once its file is on the disk. */
export async function snapshotCuts(): Promise<string | undefined> {
  const files = new Pessimist()
  files.directories.add('/journal')
  await files.syncDir('/')
  const images: MemoryFiles[] = []
  const store = await openStore(DIRECTORY, { files })
  await new Appending(store).append('s', [event(0)])
  const saved = new SnapshotFiles(files, countingClock(), DIRECTORY)
  files.step = () => images.push(files.crashed())
  const chunks = (async function* () {
    yield Buffer.from('rows')
  })()
  await store.recordSnapshot(await saved.write({ projection: 'tally', revision: 1, head: store.head }, chunks))
  images.push(files.crashed())
  await store.close()
  for (const image of images) {
    const { store: again } = await read(image)
    for (const record of again.snapshots()) {
      const reason = await new SnapshotFiles(image, countingClock(), DIRECTORY).refuse(record, true)
      if (reason !== undefined) return `a snapshot is vouched for, and ${reason}`
    }
    await again.close()
  }
  return undefined
}

/** Groups so small that one waits while another is synced. */
export async function earlyWriting(): Promise<string | undefined> {
  const [path] = await earlyWrites(100)
  return path && `${path} is written to while a sync of it is under way`
}
