/**
 * SQLite databases, read from a copy: the library locks with a directory beside the file it opens, and a database with a
 * write-ahead log is opened by writing, neither of which a source may see.
 */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type sqlite from 'node-sqlite3-wasm'
import type { Fields } from './fields.js'
import type { SourceFile } from './source-file.js'

/** A copy of a database, open for reading until it is disposed of, which throws the copy away. */
export interface Database extends AsyncDisposable {
  tables: ReadonlySet<string>
  /** Rows in the order of `by`, one at a time. */
  rows(table: string, by: string, where?: { column: string; is: string | number }): Iterable<Fields>
}

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

/** The names of a database's tables; none where it cannot be read. */
export async function tablesOf(file: SourceFile): Promise<ReadonlySet<string>> {
  try {
    await using database = await openDatabase(file)
    return database.tables
  } catch {
    // Whoever reads it as a database says what is wrong with it.
    return new Set(['(unreadable)'])
  }
}

/** A copy of the file and its log as they stood at one moment. */
async function copied(path: string, copy: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await seen(path)
    await copyFile(path, copy)
    await copyFile(`${path}-wal`, `${copy}-wal`).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    })
    if ((await seen(path)) === before) return
    if (attempt === COPIES) throw new Error('the database changes faster than it can be copied; import it when nobody writes to it')
  }
}

async function seen(path: string): Promise<string> {
  const of = async (name: string): Promise<string> => {
    const there = await stat(name).catch(() => undefined)
    return there === undefined ? '-' : `${there.size}/${there.mtimeMs}`
  }
  return `${await of(path)} ${await of(`${path}-wal`)}`
}

function reader(database: InstanceType<typeof sqlite.Database>): Pick<Database, 'tables' | 'rows'> {
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
  }
}

const quoted = (name: string): string => `"${name.trim().replaceAll('"', '""')}"`
