/** Imports sources into a journal: finds whose files they are, reads, weaves and appends, and reports on every file. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isJournalError, openJournal } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { carry } from './carry.js'
import { importers } from './importers.js'
import type { Carrying, Importer, Source, Telling } from './importer.js'
import { Outbox } from './outbox.js'
import { placeOf } from './place.js'
import { Report, type ImportReport } from './report.js'
import { sampleOf } from './sample.js'
import { Session } from './session.js'
import { filesBelow, type SourceFile } from './source-file.js'
import { databaseBeside } from './sqlite.js'

export interface ImportOptions {
  directory: string
  sources: readonly string[]
  /** The kind that all files are, whatever they look like. */
  from?: string
  /** Says what an import would do, and does nothing. */
  dryRun?: boolean
  progress?: (done: number, total: number) => void
}

/** @throws JournalError if the journal cannot take events; the operating system's error for a source that is not there. */
export async function importSources({ directory, sources, from, dryRun = false, progress }: ImportOptions): Promise<ImportReport> {
  const report = new Report()
  const files = await filesOf(sources, report)
  const bySort = await sorted(files, from, report)
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  const read = (bytes: number): void => progress?.((done += bytes), total)
  await using journal = await opened(directory, dryRun)
  const outbox = new Outbox(dryRun ? undefined : journal)
  for (const [importer, own] of bySort) await importAll(importer, own, { journal, outbox, report, read })
  await outbox.drain()
  report.added = outbox.added
  return report.finish()
}

/** Rows of each projection that an import keeps: what it wrote is hardly looked at again. */
const CACHE_ROWS = 2000

/** A dry run looks at the journal where there is one, and makes none. */
async function opened(directory: string, dryRun: boolean): Promise<OpenedJournal | undefined> {
  if (!dryRun) return openJournal(directory, { onInterrupted: 'leave', cacheRows: CACHE_ROWS })
  return existsSync(join(directory, 'FORMAT')) ? openJournal(directory, { readOnly: true }) : undefined
}

async function filesOf(sources: readonly string[], report: Report): Promise<SourceFile[]> {
  const files = new Map<string, SourceFile>()
  for (const source of sources) {
    for (const file of await filesBelow(source)) {
      if ('reason' in file) report.damaged(file, { reason: file.reason })
      else files.set(file.path, file)
    }
  }
  return [...files.values()]
}

/** The files of each importer: those it recognises, and those that lie among them and belong to them. */
async function sorted(files: readonly SourceFile[], from: string | undefined, report: Report): Promise<Map<Importer, SourceFile[]>> {
  const whose = new Map<Importer, SourceFile[]>(
    importers.filter(({ kind }) => from === undefined || kind === from).map((importer) => [importer, []]),
  )
  const nobodys: SourceFile[] = []
  for (const file of files) {
    const importer = from === undefined ? await importerOf(file, report) : [...whose.keys()][0]
    if (importer === undefined) nobodys.push(file)
    else whose.get(importer)?.push(file)
  }
  const folders = new Map([...whose].map(([importer, own]) => [importer, foldersOf(own)]))
  for (const file of nobodys) {
    if (isRead(file, files, report)) continue
    const importer = importers.find((one) => one.accompanies?.(file, folders.get(one) ?? new Set()) === true)
    if (importer === undefined && report.of(file).damaged.length > 0) continue
    if (importer === undefined)
      report.damaged(report.of(file), { reason: file.bytes === 0 ? 'an empty file' : 'of no known kind; name one with --from' })
    else whose.get(importer)?.push(file)
  }
  for (const [importer, own] of whose) for (const file of own) report.of(file, importer.kind)
  return whose
}

/** Whether a file is read with the database that it lies beside. */
function isRead(file: SourceFile, files: readonly SourceFile[], report: Report): boolean {
  const path = databaseBeside(file.path)
  const database = path === undefined ? undefined : files.find((other) => other.path === path)
  if (database === undefined) return false
  report.note(file, `read with ${database.name}, as far as it belongs to its rows`)
  return true
}

async function importerOf(file: SourceFile, report: Report): Promise<Importer | undefined> {
  try {
    const sample = await sampleOf(file)
    if (sample.remark !== undefined) report.note(file, sample.remark)
    return importers.find((one) => one.recognises(sample))
  } catch (error) {
    report.failed(file, error)
    return undefined
  }
}

/** Every folder that holds some of the files, and the one around each. */
function foldersOf(files: readonly SourceFile[]): Set<string> {
  return new Set(files.flatMap(({ path }) => [dirname(path), dirname(dirname(path))]))
}

interface Running {
  journal: OpenedJournal | undefined
  outbox: Outbox
  report: Report
  read: (bytes: number) => void
}

async function importAll(importer: Importer, files: readonly SourceFile[], running: Running): Promise<void> {
  if ('commits' in importer) return carryAll(importer, files, running)
  if (files.length === 0 || (await importTogether(importer, files, running)) === undefined) return
  // One of the files is to blame, and the others are not: each by itself, and what is in already is not told twice.
  for (const file of files) {
    const { sessions, damaged } = running.report.of(file)
    if (sessions > 0 || damaged.length > 0) continue
    const error = await importTogether(importer, [file], running)
    if (error !== undefined) running.report.failed(file, error)
  }
}

async function carryAll(importer: Carrying, files: readonly SourceFile[], running: Running): Promise<void> {
  for (const file of files) {
    try {
      await carry(importer, file, running)
    } catch (error) {
      if (isJournalError(error)) throw error
      running.report.failed(file, error)
    }
  }
}

/** Gives back what stood in the way. @throws what is wrong with the journal. */
async function importTogether(importer: Telling, files: readonly SourceFile[], running: Running): Promise<unknown> {
  /** Streams that were written: what was sent has to be there before anybody looks. */
  const written = new Set<string>()
  try {
    for await (const source of importer.sessions(files, running.report)) {
      if (written.has(source.stream)) await running.outbox.drain()
      written.add(source.stream)
      await importOne(source, running)
    }
  } catch (error) {
    if (isJournalError(error)) throw error
    await running.outbox.drain()
    return error
  }
  return undefined
}

async function importOne(source: Source, running: Running): Promise<void> {
  const { journal, report } = running
  const place = await placeOf(journal, source)
  report.of(source.file).sessions += 1
  if (place.stream !== source.stream) report.note(source.file, `another session has the name ${source.stream}; this one is ${place.stream}`)
  if (place.isAhead) return report.note(source.file, `an older copy of ${place.stream}: all of it is in the journal`)
  await new Session(source, place, running).run()
}
