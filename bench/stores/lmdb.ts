/** lmdb: events by position, and where each commit of a stream stands. In the two ways that it can be written to, neither of which is always faster. */
import { open as openLmdb } from 'lmdb'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import type { Commit } from '../workload.js'
import { mustBeAt, packr, type Contender, type Store } from './store.js'

type Stored = [stream: string, version: number, type: string, schema: number, at: number, data: unknown]

const syncs = '2, one of them a write with O_DSYNC'

/** Written and checked in another thread. */
export const lmdb: Contender = {
  name: 'lmdb',
  role: 'peer',
  durability: 'awaited until its own transaction is flushed, in another thread',
  checks: 'its table of heads, by a condition within the transaction',
  syncs,
  open: async (directory, loading = false) => {
    const { store, heads, put } = opened(directory, loading)
    return {
      ...store,
      async append(commit) {
        const { stream, expected } = commit
        const written = heads.ifVersion(stream, expected === 0 ? null : expected, () => put(commit))
        if (!(await written)) throw new Error(`${stream} is not at ${expected}`)
        await written.flushed
      },
    }
  },
}

/** A commit that goes into the next transaction. */
interface Waiting {
  commit: Commit
  done: () => void
  refused: (error: unknown) => void
}

/** All commits of one turn of the event loop in one transaction, which is on the disk when it returns. */
export const lmdbBlocking: Contender = {
  name: 'lmdb, blocking',
  role: 'peer',
  durability: 'one transaction for all that wait, on the calling thread',
  checks: 'its table of heads, within the transaction',
  syncs,
  open: async (directory, loading = false) => {
    const { store, heads, put, transaction } = opened(directory, loading)
    let waiting: Waiting[] = []
    const tried = ({ commit, done, refused }: Waiting): (() => void) => {
      try {
        mustBeAt(heads.get(commit.stream) ?? 0, commit)
        put(commit)
        return done
      } catch (error) {
        return () => refused(error)
      }
    }
    const write = (): void => {
      const group = waiting
      waiting = []
      try {
        for (const settle of transaction(() => group.map(tried))) settle()
      } catch (error) {
        for (const { refused } of group) refused(error)
      }
    }
    return {
      ...store,
      append(commit) {
        return new Promise((done, refused) => {
          if (waiting.push({ commit, done, refused }) === 1) setImmediate(write)
        })
      },
    }
  },
}

function opened(directory: string, loading: boolean) {
  const root = openLmdb({ path: join(directory, 'events.lmdb'), maxDbs: 4, noSync: loading, separateFlushed: true })
  const rows = root.openDB<Uint8Array, number>({ name: 'events', keyEncoding: 'uint32', encoding: 'binary' })
  const heads = root.openDB<number, string>({ name: 'heads', encoding: 'msgpack', useVersions: true })
  /** Position and number of a commit's events, under its stream and first version. */
  const commits = root.openDB<[number, number], [string, number]>({ name: 'commits', encoding: 'msgpack' })
  let position = [...rows.getKeys({ reverse: true, limit: 1 })][0] ?? 0
  const put = ({ stream, expected, events }: Commit): void => {
    void commits.put([stream, expected + 1], [position + 1, events.length])
    events.forEach(({ type, data }, i) => void rows.put(++position, packr.pack([stream, expected + 1 + i, type, 1, Date.now(), data])))
    const version = expected + events.length
    void heads.put(stream, version, version)
  }
  const read = (at: number, value: Uint8Array): RecordedEvent => {
    const [stream, version, type, schema, time, data] = packr.unpack(value) as Stored
    return { position: at, stream, version, type, schema, at: time, data }
  }
  const store: Omit<Store, 'append'> = {
    async each(visit) {
      for (const { key, value } of rows.getRange({})) visit(read(key, value))
    },
    async eachOf(stream, visit) {
      for (const { value } of commits.getRange({ start: [stream, 0], end: [stream, Number.MAX_SAFE_INTEGER] })) {
        const [first, count] = value
        for (let at = first; at < first + count; at++) visit(read(at, rows.get(at) as Uint8Array))
      }
    },
    close: () => root.close(),
  }
  return { store, heads, put, transaction: <T>(work: () => T): T => root.transactionSync(work) }
}
