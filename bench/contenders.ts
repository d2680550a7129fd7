/** turnlog and what one would use instead, behind one interface, each at the same durability and with the same version check. */
import Database from 'better-sqlite3'
import { open as openLmdb } from 'lmdb'
import { Packr } from 'msgpackr'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { session } from '../projections/index.js'
import { events as builtIn, openJournal, type RecordedEvent } from '../src/index.js'
import { upcasters } from '../upcasters/index.js'
import type { Commit } from './workload.js'

/** An open store. */
export interface Store {
  /** Resolves when the commit survives power loss. Refuses a commit whose stream is not at the version it was. */
  append(commit: Commit): Promise<void>
  /** Reads every event in order, decoded, and checked as far as the store does. */
  each(visit: (event: RecordedEvent) => void): Promise<void>
  close(): Promise<void>
}

export interface Contender {
  name: string
  durability: string
  open(directory: string): Promise<Store>
}

/** One that is read as a whole, too. */
export interface Reader extends Contender {
  /** The sessions of a closed store, worked out from all its events. */
  replay(directory: string): Promise<Sessions>
}

export type Sessions = Map<string, unknown>

const packr = new Packr({ useRecords: false })

/** What is done with a store that has no projections: all its events are read, and folded by the session projection. */
async function replayWith(contender: Contender, directory: string): Promise<Sessions> {
  const sessions: Sessions = new Map()
  const store = await contender.open(directory)
  await store.each((event) => {
    for (const key of session.keys(event)) {
      const state = session.apply((sessions.get(key) as never) ?? session.initial(key), event, key)
      if (state === undefined) sessions.delete(key)
      else sessions.set(key, state)
    }
  })
  await store.close()
  return sessions
}

/** What a boot does that finds no derived state, and all its rows read. */
async function replayJournal(directory: string): Promise<Sessions> {
  await rm(join(directory, 'derived'), { recursive: true, force: true })
  const journal = await openJournal(directory, { events: builtIn, upcasters, projections: [session] })
  const sessions: Sessions = new Map()
  for await (const { state } of journal.list(session)) sessions.set(state.id, state)
  await journal.close()
  return sessions
}

/** The journal as a store of events: judged by their schemas and checked for their version, as the peers do; no laws, no views. */
export const turnlog: Reader = {
  name: 'turnlog',
  durability: 'write + fdatasync',
  open: async (directory) => storeOf(await openJournal(directory, { events: builtIn, upcasters })),
  replay: replayJournal,
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
    async each(visit) {
      for await (const event of journal.readAll()) visit(event as RecordedEvent)
    },
    close: () => journal.close(),
  }
}

export const sqlite: Reader = {
  name: 'better-sqlite3',
  durability: 'WAL, synchronous=FULL',
  replay: (directory) => replayWith(sqlite, directory),
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
      async each(visit) {
        for (const row of db.prepare('SELECT * FROM events ORDER BY position').iterate() as Iterable<Record<string, unknown>>) {
          visit({ ...row, data: packr.unpack(row['data'] as Buffer) } as unknown as RecordedEvent)
        }
      },
      async close() {
        db.close()
      },
    }
  },
}

export const lmdb: Reader = {
  name: 'lmdb',
  durability: 'awaited until flushed',
  replay: (directory) => replayWith(lmdb, directory),
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
      async each(visit) {
        for (const { key, value } of rows.getRange({})) {
          const [stream, version, type, schema, at, data] = packr.unpack(value) as [string, number, string, number, number, unknown]
          visit({ position: key, stream, version, type, schema, at, data })
        }
      },
      close: () => root.close(),
    }
  },
}

export const contenders: readonly Contender[] = [turnlog, turnlogBlocking, turnlogWhole, sqlite, lmdb]
export const readers: readonly Reader[] = [turnlog, sqlite, lmdb]
