/** The first bytes of a file, as the importers look at them to say whose it is. */
import { isFields, known, type Fields } from './fields.js'
import { membersOf } from './pieces.js'
import { headOf, type SourceFile } from './source-file.js'
import { remarkOn, tablesOf } from './sqlite.js'

export interface Sample {
  file: SourceFile
  /** Whole lines that are JSON objects. */
  rows: Fields[]
  /** Names of the members of one JSON document, and those values that stand whole in these bytes. */
  names: ReadonlySet<string>
  members: ReadonlyMap<string, unknown>
  /** Tables of an SQLite database. */
  tables: ReadonlySet<string>
  /** What there is to say of the file, whoever reads it. */
  remark?: string
}

const HEAD_BYTES = 256 * 1024
const ROWS_MAX = 50

/** @throws Error for a database that cannot be read */
export async function sampleOf(file: SourceFile): Promise<Sample> {
  const head = await headOf(file, Math.min(HEAD_BYTES, file.bytes))
  const nothing = { file, rows: [], names: new Set<string>(), members: new Map<string, unknown>(), tables: new Set<string>() }
  if (head.subarray(0, 16).toString('latin1') === 'SQLite format 3\0')
    return { ...nothing, ...known({ remark: await remarkOn(file, head) }), tables: await tablesOf(file) }
  return { ...nothing, rows: rowsIn(head), ...membersOf(head) }
}

/** Whether any row of the sample is like this. */
export function someRow({ rows }: Sample, isLike: (row: Fields) => boolean): boolean {
  return rows.some(isLike)
}

export function hasAll(names: ReadonlySet<string>, ...wanted: string[]): boolean {
  return wanted.every((name) => names.has(name))
}

function rowsIn(head: Buffer): Fields[] {
  const rows: Fields[] = []
  for (const line of head.toString('utf8').split('\n')) {
    if (rows.length === ROWS_MAX) break
    if (!line.trimStart().startsWith('{')) continue
    for (const text of [line, line.slice(0, line.indexOf('}{') + 1)]) {
      const value = objectIn(text)
      if (value === undefined) continue
      rows.push(value)
      break
    }
  }
  return rows
}

function objectIn(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}
