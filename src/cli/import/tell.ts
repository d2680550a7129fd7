/** From a record to moments: what its reader takes, and what is left, which is kept beside. */
import { known, Taken, type Fields } from './fields.js'
import type { Reading } from './importer.js'
import type { Moment } from './moments.js'
import type { Report } from './report.js'
import type { Row } from './rows.js'

/** Characters of a damaged record that are kept. */
const KEPT_MAX = 256 * 1024

/** Torn records give nothing. */
export function tell(reader: Reading, row: Row, report: Report): Moment[] {
  const { file, line, offset, damaged, changed, of } = row
  if (damaged !== undefined)
    report.damaged(file, { ...known({ line, offset }), reason: of?.includes('/') === true ? `${of}: ${damaged}` : damaged })
  for (const how of changed ?? []) report.inferred(file, how)
  if (row.torn === true) return []
  if (row.fields === undefined) return [{ kind: 'noted', what: 'damaged', extra: { damaged: keptOf(row.raw) } }]
  const record = new Taken(row.fields)
  const moments = reader.read(record, row)
  const rest = record.rest()
  if (rest === undefined) return moments
  report.extra(file, reasonOf(record, rest, moments))
  const [first, ...others] = moments
  if (first === undefined) return [{ kind: 'noted', what: 'record', extra: { record: rest } }]
  return [{ ...first, extra: { ...first.extra, ...rest } }, ...others]
}

function reasonOf({ all }: Taken, rest: Fields, moments: readonly Moment[]): string {
  const name = [all['type'], all['subtype'], all['role'], all['event'], all['kind']]
    .filter((part) => typeof part === 'string' && part.length < 60)
    .join('/')
  return moments.length === 0 ? name || 'record' : `${name || 'record'}: ${Object.keys(rest).slice(0, 8).join(', ')}`
}

function keptOf(raw: string): string {
  return raw.length <= KEPT_MAX ? raw : `${raw.slice(0, KEPT_MAX)}… (${raw.length} characters in all)`
}
