/** turnlog and what one would use instead, behind one interface, each at the same durability and with the same version check. */
import Database from 'better-sqlite3'
import { open as openLmdb } from 'lmdb'
import { Packr } from 'msgpackr'
import { join } from 'node:path'
import { session } from '../projections/index.js'
import { events as builtIn, openJournal, type RecordedEvent } from '../src/index.js'
import { upcasters } from '../upcasters/index.js'
import type { Commit } from './workload.js'

/** An open store. */
export interface Store {
  /** Resolves when the commit survives power loss. Refuses a commit whose stream is not at the version it was. */
  append(commit: Commit): Promise<void>
  /** Reads every event in order, decoded and checked as the store does, and folds each into its session. Returns the sessions. */
  fold(): Promise<Map<string, unknown>>
  close(): Promise<void>
}

export interface Contender {
  name: string
  durability: string
  open(directory: string): Promise<Store>
}

const packr = new Packr({ useRecords: false })

/** The same fold for all: the session projection over events in today's shape. */
class Fold {
  readonly sessions = new Map<string, unknown>()

  add(event: RecordedEvent): void {
    for (const key of session.keys(event)) {
      const state = session.apply((this.sessions.get(key) as never) ?? session.initial(key), event, key)
      if (state === undefined) this.sessions.delete(key)
      else this.sessions.set(key, state)
    }
  }
}

/** The journal as a store of events: judged by their schemas and checked for their version, as the peers do; no laws, no views. */
export const turnlog: Contender = {
  name: 'turnlog',
  durability: 'write + fdatasync',
  open: async (directory) => storeOf(await openJournal(directory, { events: builtIn, upcasters })),
}

/** The same, syncing on the calling thread, as better-sqlite3 does. */
export const turnlogBlocking: Contender = {
  name: 'turnlog, blocking',
  durability: 'write + fdatasync on the calling thread',
  open: async (directory) => storeOf(await openJournal(directory, { events: builtIn, upcasters, blocking: true })),
}

/** The journal as a runtime uses it: every event held against the laws, seven projections kept up while it is written. */
export const turnlogWhole: Contender = {
  name: 'turnlog with laws and views',
  durability: 'write + fdatasync',
  open: async (directory) => storeOf(await openJournal(directory, { onInterrupted: 'leave' })),
}

interface Opened {
  append(stream: string, events: never[]): Promise<unknown>
  readAll(): AsyncIterable<unknown>
  close(): Promise<void>
}

function storeOf(journal: Opened): Store {
  return {
    async append({ stream, events: added }) {
      await journal.append(stream, added as never[])
    },
    async fold() {
      const fold = new Fold()
      for await (const event of journal.readAll()) fold.add(event as RecordedEvent)
      return fold.sessions
    },
    close: () => journal.close(),
  }
}

export const sqlite: Contender = {
  name: 'better-sqlite3',
  durability: 'WAL, synchronous=FULL',
  async open(directory) {
    const db = new Database(join(directory, 'events.db'))
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.exec(`CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
      schema INTEGER NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (stream, version))`)
    const last = db.prepare('SELECT max(version) AS version FROM events WHERE stream = ?')
    const insert = db.prepare('INSERT INTO events (stream, version, type, schema, at, data) VALUES (?, ?, ?, ?, ?, ?)')
    const versions = new Map<string, number>()
    const append = db.transaction(({ stream, events }: Commit) => {
      const version = (last.get(stream) as { version: number | null }).version ?? 0
      if (version !== (versions.get(stream) ?? version)) throw new Error('version conflict')
      events.forEach(({ type, data }, i) => insert.run(stream, version + 1 + i, type, 1, Date.now(), packr.pack(data)))
      versions.set(stream, version + events.length)
    })
    return {
      async append(commit) {
        append.immediate(commit)
      },
      async fold() {
        const fold = new Fold()
        for (const row of db.prepare('SELECT * FROM events ORDER BY position').iterate() as Iterable<Record<string, unknown>>) {
          fold.add({ ...row, data: packr.unpack(row['data'] as Buffer) } as unknown as RecordedEvent)
        }
        return fold.sessions
      },
      async close() {
        db.close()
      },
    }
  },
}

export const lmdb: Contender = {
  name: 'lmdb',
  durability: 'awaited until flushed',
  async open(directory) {
    const root = openLmdb({ path: join(directory, 'events.lmdb'), maxDbs: 4 })
    const rows = root.openDB<Uint8Array, number>({ name: 'events', keyEncoding: 'uint32', encoding: 'binary' })
    const heads = root.openDB<number, string>({ name: 'heads', encoding: 'msgpack' })
    const versions = new Map<string, number>()
    let position = [...rows.getKeys({ reverse: true, limit: 1 })][0] ?? 0
    return {
      async append({ stream, events: added }) {
        await root.transaction(() => {
          const version = heads.get(stream) ?? 0
          if (version !== (versions.get(stream) ?? version)) throw new Error('version conflict')
          added.forEach(({ type, data }, i) => void rows.put(++position, packr.pack([stream, version + 1 + i, type, 1, Date.now(), data])))
          void heads.put(stream, version + added.length)
          versions.set(stream, version + added.length)
        })
        await root.flushed
      },
      async fold() {
        const fold = new Fold()
        for (const { key, value } of rows.getRange({})) {
          const [stream, version, type, schema, at, data] = packr.unpack(value) as [string, number, string, number, number, unknown]
          fold.add({ position: key, stream, version, type, schema, at, data })
        }
        return fold.sessions
      },
      close: () => root.close(),
    }
  },
}

export const contenders: readonly Contender[] = [turnlog, turnlogBlocking, turnlogWhole, sqlite, lmdb]
