/** better-sqlite3: a table of events, a transaction for each commit. */
import Database from 'better-sqlite3'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import type { Commit } from '../workload.js'
import { mustBeAt, packr, type Contender } from './store.js'

const TABLE = `CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,
  type TEXT NOT NULL, schema INTEGER NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (stream, version))`

export const sqlite: Contender = {
  name: 'better-sqlite3',
  role: 'peer',
  durability: 'WAL, synchronous=FULL, on the calling thread',
  checks: 'its index of streams, within the transaction',
  syncs: '1, and 2 at each checkpoint',
  async open(directory, loading = false) {
    const db = new Database(join(directory, 'events.db'))
    db.pragma('journal_mode = WAL')
    db.pragma(`synchronous = ${loading ? 'OFF' : 'FULL'}`)
    db.exec(TABLE)
    const last = db.prepare('SELECT max(version) AS version FROM events WHERE stream = ?')
    const insert = db.prepare('INSERT INTO events (stream, version, type, schema, at, data) VALUES (?, ?, ?, ?, ?, ?)')
    const append = db.transaction((commit: Commit) => {
      const { stream, events } = commit
      const version = (last.get(stream) as { version: number | null }).version ?? 0
      mustBeAt(version, commit)
      events.forEach(({ type, data }, i) => insert.run(stream, version + 1 + i, type, 1, Date.now(), packr.pack(data)))
    })
    const visitAll = (rows: Iterable<unknown>, visit: (event: RecordedEvent) => void): void => {
      for (const row of rows as Iterable<Record<string, unknown>>)
        visit({ ...row, data: packr.unpack(row['data'] as Buffer) } as unknown as RecordedEvent)
    }
    return {
      async append(commit) {
        append.immediate(commit)
      },
      async each(visit) {
        visitAll(db.prepare('SELECT * FROM events ORDER BY position').iterate(), visit)
      },
      async eachOf(stream, visit) {
        visitAll(db.prepare('SELECT * FROM events WHERE stream = ? ORDER BY version').iterate(stream), visit)
      },
      async close() {
        db.close()
      },
    }
  },
}
