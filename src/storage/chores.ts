/**
 * What is amiss in a journal's directory and costs no event: an end that nothing proves, derived files that are not what they should be,
 * and what a process that died left behind. Derived files are removed, and come back; the end is proven by opening for writing.
 */
import { basename, join } from 'node:path'
import type { Core, Sealed } from './core.js'
import type { Files } from './files.js'
import { IndexFile } from './index-file.js'
import { readFully, removeFile, TEMPORARY } from './io.js'
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
    else await removeFile(files, join(paths.root, file))
  }
}

function endOf<Note>({ sight }: Seen<Note>): Chore[] {
  const bytes = unprovenBytes(sight)
  if (bytes === 0) return []
  const reason = `its last writer died, and nothing proves the last ${bytes} bytes`
  return [{ kind: 'end', file: `journal/${sight.newest?.name}`, reason }]
}

async function indexesOf<Note>({ core, sight: { segments, damage, facts } }: Seen<Note>): Promise<Chore[]> {
  const chores: Chore[] = []
  // What a damaged segment held is known to its index alone, and none is made where that is missing.
  const lossy = new Set([...damage, ...facts.gaps].map(({ segment }) => segment))
  for (const segment of segments.values()) {
    if (segment.end === 0 || lossy.has(segment.name)) continue
    const path = core.paths.index(segment)
    const reason = core.files.exists(path) ? await faultIn(core, path, segment) : 'the index is missing'
    if (reason !== undefined) chores.push({ kind: 'index', file: `journal/${basename(path)}`, reason })
  }
  return chores
}

/** What of an index does not check. */
function faultIn<Note>({ handles, journal }: Core<Note>, path: string, segment: Sealed): Promise<string | undefined> {
  return handles.with(path, async (file) => {
    const pages = new Pages({ name: path, read: (into, at) => readFully(file, into, at) }, new PageCache(), journal, segment.number)
    try {
      const size = await file.size()
      const index = await IndexFile.open(pages, size)
      index.mustBeOf(segment)
      for (let number = 0; number * PAGE_BYTES < size; number++) await pages.page(number)
      return undefined
    } catch (error) {
      if (error instanceof PageFault) return 'the index does not check'
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
