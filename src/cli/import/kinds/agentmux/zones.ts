/** The zones of an agentmux filestore: files in parts, as rows of a database. */
import { known, timeOf, type Fields } from '../../fields.js'
import type { Report } from '../../report.js'
import { rowFrom, rowsIn, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import type { Database } from '../../sqlite.js'

export interface Zone {
  name: string
  createdAt?: number
  isArchive: boolean
  extra?: Fields
  rows(): AsyncGenerator<Row>
}

/** Characters of a small file in a zone that are kept with it. */
const KEPT_MAX = 256 * 1024

export function* zonesOf(file: SourceFile, database: Database, report: Report): Generator<Zone> {
  const zones = new Map<string, Map<string, Fields>>()
  for (const row of database.rows('db_wave_file', 'zoneid,name')) {
    const name = String(row['zoneid'])
    const files = zones.get(name) ?? new Map<string, Fields>()
    files.set(String(row['name']), row)
    zones.set(name, files)
  }
  for (const [name, files] of zones) {
    const created = [...files.values()].flatMap(({ createdts }) => timeOf(createdts) ?? [])
    const small = [...files.keys()].filter((one) => one !== 'output')
    const texts = small.map((one) => [one, textOf(database, name, one)] as const)
    const hasOutput = files.has('output')
    yield {
      name,
      isArchive: name.includes(':archive:'),
      ...known({ createdAt: created.length === 0 ? undefined : Math.min(...created) }),
      ...(texts.length === 0 ? {} : { extra: { files: Object.fromEntries(texts) } }),
      rows: () => (hasOutput ? rowsIn(file, chunks(database, name, 'output'), `${name}/output`) : nodes(file, texts, report)),
    }
  }
}

/** What a person said, where a zone holds no stream. */
async function* nodes(file: SourceFile, texts: readonly (readonly [string, string])[], report: Report): AsyncGenerator<Row> {
  const state = texts.find(([name]) => name === 'output.state.json')?.[1]
  try {
    const { nodes: said } = JSON.parse(state ?? '{}') as { nodes?: unknown }
    for (const node of Array.isArray(said) ? (said as unknown[]) : []) yield rowFrom(file, JSON.stringify(node), node)
  } catch (error) {
    report.failed(file, error)
  }
}

function textOf(database: Database, zone: string, name: string): string {
  let text = ''
  for (const part of partsOf(database, zone, name)) {
    text += Buffer.from(part).toString('utf8')
    if (text.length > KEPT_MAX) return `${text.slice(0, KEPT_MAX)}… (cut)`
  }
  return text
}

async function* chunks(database: Database, zone: string, name: string): AsyncGenerator<Buffer> {
  for (const part of partsOf(database, zone, name)) yield Buffer.from(part)
}

function* partsOf(database: Database, zone: string, name: string): Generator<Uint8Array> {
  for (const row of database.rows('db_file_data', 'partidx', { column: 'zoneid', is: zone })) {
    if (row['name'] === name && row['data'] instanceof Uint8Array) yield row['data']
  }
}
