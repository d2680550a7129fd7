/**
 * What is amiss in a journal's directory and costs no event: an end that nothing proves, derived files that are not what they should be,
 * and what a process that died left behind. Derived files are removed, and come back; the end is proven by opening for writing.
 */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Files } from './files.js'
import { hasCode, TEMPORARY } from './io.js'
import { doubtIn, levelStores } from './level-store.js'
import { PageCache, PageFault, Pages, PAGE_BYTES } from './pages.js'
import type { Paths } from './paths.js'
import { unprovenBytes, type Seen } from './see.js'
import { namesIn } from './segments.js'
import { SnapshotFiles } from './snapshot-file.js'
import { systemClock } from './system-clock.js'

export interface Chore {
  kind: 'end' | 'index' | 'snapshot' | 'derived' | 'leftover'
  /** Path relative to the journal's directory, with `/`. */
  file: string
  reason: string
}

/** None beside a writer: what it is about is its own. */
export async function choresOf<Note>(seen: Seen<Note>): Promise<Chore[]> {
  if (seen.live) return []
  return [
    ...endOf(seen),
    ...(await indexesOf(seen)),
    ...(await snapshotsOf(seen)),
    ...(await derivedOf(seen)),
    ...(await leftoversOf(seen)),
  ]
}

/** Does them, but for the end. For whoever holds the writer's lock. */
export async function doChores(files: Files, paths: Paths, chores: readonly Chore[]): Promise<void> {
  for (const { kind, file } of chores) {
    if (kind === 'end') continue
    if (kind === 'derived') await levelStores(files, systemClock).destroy(join(paths.root, file))
    else await remove(files, join(paths.root, file))
  }
}

async function remove(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw ioError(error, 'Removing', path)
  }
}

function endOf<Note>({ sight }: Seen<Note>): Chore[] {
  const bytes = unprovenBytes(sight)
  if (bytes === 0) return []
  const reason = `its last writer died, and nothing proves the last ${bytes} bytes`
  return [{ kind: 'end', file: `journal/${sight.newest?.name}`, reason }]
}

async function indexesOf<Note>({ core, sight: { segments, indexes, damage } }: Seen<Note>): Promise<Chore[]> {
  const chores: Chore[] = []
  for (const segment of segments.values()) {
    const path = core.paths.index(segment)
    // What a damaged segment held is known to its index alone.
    if (segment.end === 0 || damage.some((one) => one.segment === segment.name)) continue
    const fault = indexes.faults.get(segment.number) ?? (core.files.exists(path) ? await faultIn(core, path, segment.number) : undefined)
    const file = `journal/${segment.name.replace(/seg$/, 'idx')}`
    if (fault !== undefined)
      chores.push({ kind: 'index', file, reason: core.files.exists(path) ? 'the index does not check' : 'the index is missing' })
  }
  return chores
}

/** The first page of an index that does not check. */
async function faultIn<Note>({ handles, journal }: Seen<Note>['core'], path: string, segment: number): Promise<string | undefined> {
  return handles.with(path, async (file) => {
    const pages = new Pages({ name: path, read: async (into, offset) => file.read(into, offset) }, new PageCache(), journal, segment)
    try {
      for (let number = 0, size = await file.size(); number * PAGE_BYTES < size; number++) await pages.page(number)
      return undefined
    } catch (error) {
      if (error instanceof PageFault) return error.message
      throw error
    }
  })
}

async function snapshotsOf<Note>({ core: { files, clock, paths }, sight: { facts } }: Seen<Note>): Promise<Chore[]> {
  const snapshots = new SnapshotFiles(files, clock, paths.root)
  const chores: Chore[] = []
  for (const record of facts.snapshots) {
    const reason = snapshots.isMissing(record) ? undefined : await snapshots.refuse(record, true)
    if (reason !== undefined) chores.push({ kind: 'snapshot', file: record.file, reason })
  }
  return chores
}

async function derivedOf<Note>({ core: { files, paths } }: Seen<Note>): Promise<Chore[]> {
  const reason = await doubtIn(files, join(paths.root, 'derived'))
  return reason === undefined ? [] : [{ kind: 'derived', file: 'derived', reason }]
}

async function leftoversOf<Note>({ core: { files, paths } }: Seen<Note>): Promise<Chore[]> {
  const projections = (await namesIn(files, join(paths.root, 'snapshots'))).map((name) => `snapshots/${name}/`)
  const chores: Chore[] = []
  for (const folder of ['', 'journal/', 'quarantine/', 'derived/', ...projections]) {
    const names = await namesIn(files, join(paths.root, folder))
    for (const name of names.filter((one) => TEMPORARY.test(one)).toSorted())
      chores.push({ kind: 'leftover', file: folder + name, reason: 'a process that died was writing it' })
  }
  return chores
}
