/** lmdb: events by position, and where each commit of a stream stands. */
import { open as openLmdb } from 'lmdb'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import { mustBeAt, packr, type Contender } from './store.js'

type Stored = [stream: string, version: number, type: string, schema: number, at: number, data: unknown]

export const lmdb: Contender = {
  name: 'lmdb',
  role: 'peer',
  durability: 'awaited until flushed',
  checks: 'its own table of heads, within the transaction',
  syncs: '2, one of them a write with O_DSYNC',
  async open(directory, loading = false) {
    const root = openLmdb({ path: join(directory, 'events.lmdb'), maxDbs: 4, noSync: loading })
    const rows = root.openDB<Uint8Array, number>({ name: 'events', keyEncoding: 'uint32', encoding: 'binary' })
    const heads = root.openDB<number, string>({ name: 'heads', encoding: 'msgpack' })
    /** Position and number of a commit's events, under its stream and first version. */
    const commits = root.openDB<[number, number], [string, number]>({ name: 'commits', encoding: 'msgpack' })
    let position = [...rows.getKeys({ reverse: true, limit: 1 })][0] ?? 0
    const read = (at: number, value: Uint8Array): RecordedEvent => {
      const [stream, version, type, schema, time, data] = packr.unpack(value) as Stored
      return { position: at, stream, version, type, schema, at: time, data }
    }
    return {
      async append(commit) {
        const { stream, events } = commit
        await root.transaction(() => {
          const version = heads.get(stream) ?? 0
          mustBeAt(version, commit)
          void commits.put([stream, version + 1], [position + 1, events.length])
          events.forEach(({ type, data }, i) => void rows.put(++position, packr.pack([stream, version + 1 + i, type, 1, Date.now(), data])))
          void heads.put(stream, version + events.length)
        })
        if (!loading) await root.flushed
      },
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
  },
}
