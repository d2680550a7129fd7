/** A small JSON document, read whole: what stands beside a session, not the session itself. */
import { readFile } from 'node:fs/promises'
import { clean, isFields, type Fields } from './fields.js'
import type { Report } from './report.js'
import { BYTES_MAX } from './rows.js'
import type { SourceFile } from './source-file.js'

/** The document's object, or list; undefined where there is none, which the report is told. */
export async function documentOf(file: SourceFile, report: Report): Promise<Fields | undefined>
export async function documentOf(file: SourceFile, report: Report, is: 'list'): Promise<unknown[] | undefined>
export async function documentOf(
  file: SourceFile,
  report: Report,
  is: 'object' | 'list' = 'object',
): Promise<Fields | unknown[] | undefined> {
  if (file.bytes > BYTES_MAX) {
    report.damaged(file, { reason: `a document of ${file.bytes} bytes beside a session; more than ${BYTES_MAX} are not read` })
    return undefined
  }
  try {
    const { value } = clean(JSON.parse(await readFile(file.path, 'utf8')))
    if (is === 'list' ? Array.isArray(value) : isFields(value)) return value as Fields | unknown[]
    report.damaged(file, { reason: `no ${is}` })
  } catch (error) {
    report.failed(file, error)
  }
  return undefined
}
