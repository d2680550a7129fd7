/**
 * SQLite databases, read from a copy: the library locks with a directory beside the file it opens, and a database with a
 * write-ahead log is opened by writing, neither of which a source may see.
 */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type sqlite from 'node-sqlite3-wasm'
import type { Fields } from './fields.js'
import { headOf, type SourceFile } from './source-file.js'

/** A copy of a database, open for reading until it is disposed of, which throws the copy away. */
export interface Database extends AsyncDisposable {
  tables: ReadonlySet<string>
  /** Rows in the order of `by`, one at a time. */
  rows(table: string, by: string, where?: { column: string; is: string | number }): Iterable<Fields>
  /** Every value of a column, each once. */
  values(table: string, column: string): unknown[]
}

/** What SQLite lays beside a database while somebody has it open: its log, what goes with that, and what a change that is under way replaced. */
const BESIDE = /-(wal|shm|journal)$/

/** The path of the database that a file belongs to, by its name. */
export const databaseBeside = (path: string): string | undefined => (BESIDE.test(path) ? path.replace(BESIDE, '') : undefined)

/** How often a copy is made again because the file changed meanwhile. */
const COPIES = 5

/** @throws Error if the file is no database, or a damaged one. */
export async function openDatabase(file: SourceFile): Promise<Database> {
  // Loaded when it is needed: every other command starts without it.
  const { default: library } = await import('node-sqlite3-wasm')
  const directory = await mkdtemp(join(tmpdir(), 'turnlog-import-'))
  let database: InstanceType<typeof sqlite.Database> | undefined
  const dispose = async (): Promise<void> => {
    database?.close()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const copy = join(directory, 'copy.db')
    await copied(file.path, copy)
    database = new library.Database(copy, { fileMustExist: true })
    // Without another process there is no need for a file of shared memory, which the library does not have.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA trusted_schema = OFF')
    return { ...reader(database), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** The names of a database's tables. @throws Error if it cannot be read */
export async function tablesOf(file: SourceFile): Promise<ReadonlySet<string>> {
  await using database = await openDatabase(file)
  return database.tables
}

/** What there is to say of a database whose rows may not all be in it, by its first bytes and what lies beside it. */
export async function remarkOn({ path }: SourceFile, head: Buffer): Promise<string | undefined> {
  const log = await stat(`${path}-wal`).catch(() => undefined)
  if (head[READ_VERSION] === WITH_LOG && (log?.size ?? 0) === 0)
    return 'a database that is written with a log, and no log lies beside it: what was not in the file itself when it was copied is missing'
  return undefined
}

/** Where the file says how it is written, and what it says of a write-ahead log. */
const READ_VERSION = 19
const WITH_LOG = 2

/** A copy of the file and its log as they stood at one moment. @throws Error where that is in the middle of a change */
async function copied(path: string, copy: string): Promise<void> {
  for (let attempt = 1; attempt <= COPIES; attempt += 1) {
    const before = await seen(path)
    await copyFile(path, copy)
    await copyFile(`${path}-wal`, `${copy}-wal`).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    })
    const isChanging = await isHot(`${path}-journal`)
    if ((await seen(path)) !== before) continue
    if (isChanging) throw new Error(CHANGING)
    return
  }
  throw new Error('the database changes faster than it can be copied; import it when nobody writes to it')
}

/** The library does not take back what such a journal says was not finished. */
const CHANGING =
  'a change of the database is under way, or was cut off: its rollback journal lies beside it. Nothing is read of it; import it again when nobody changes it, or once its own program has opened it'

/** Whether a rollback journal holds what was replaced: an empty one, and one that begins with zero, are left from changes that ended. */
async function isHot(journal: string): Promise<boolean> {
  try {
    const [first] = await headOf({ path: journal }, 1)
    return first !== undefined && first !== 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function seen(path: string): Promise<string> {
  const of = async (name: string): Promise<string> => {
    const there = await stat(name).catch(() => undefined)
    return there === undefined ? '-' : `${there.size}/${there.mtimeMs}`
  }
  return (await Promise.all(['', '-wal', '-journal'].map((end) => of(`${path}${end}`)))).join(' ')
}

function reader(database: InstanceType<typeof sqlite.Database>): Omit<Database, keyof AsyncDisposable> {
  const named = database.all("SELECT name FROM sqlite_master WHERE type = 'table'") as { name: string }[]
  return {
    tables: new Set(named.map(({ name }) => name)),
    *rows(table, by, where) {
      const condition = where === undefined ? '' : ` WHERE ${quoted(where.column)} = ?`
      const statement = database.prepare(`SELECT * FROM ${quoted(table)}${condition} ORDER BY ${by.split(',').map(quoted).join(', ')}`)
      try {
        for (const row of statement.iterate(where === undefined ? [] : [where.is])) yield row
      } finally {
        statement.finalize()
      }
    },
    values(table, column) {
      const rows = database.all(`SELECT DISTINCT ${quoted(column)} AS value FROM ${quoted(table)} ORDER BY 1`) as Fields[]
      return rows.map(({ value }) => value)
    },
  }
}

const quoted = (name: string): string => `"${name.trim().replaceAll('"', '""')}"`
