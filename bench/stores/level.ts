/** classic-level: events by position, and where each commit of a stream stands; a batch for each commit. */
import { ClassicLevel } from 'classic-level'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import { mustBeAt, packr, type Contender } from './store.js'

type Stored = [stream: string, version: number, type: string, schema: number, at: number, data: unknown]

const at = (position: number): Buffer => {
  const key = Buffer.alloc(9, 'e')
  key.writeUIntBE(position, 3, 6)
  return key
}
const commitAt = (stream: string, version: number): Buffer => {
  const key = Buffer.from(`s${stream}\0######`, 'latin1')
  key.writeUIntBE(version, key.length - 6, 6)
  return key
}
const headAt = (stream: string): Buffer => Buffer.from(`h${stream}`)

export const level: Contender = {
  name: 'classic-level',
  role: 'peer',
  durability: 'sync: true',
  checks: 'memory, the store for the first commit of a stream',
  syncs: '1',
  async open(directory, loading = false) {
    const db = new ClassicLevel<Buffer, Buffer>(join(directory, 'events.level'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    // One process has the store, so that what is on its way to the disk counts as there.
    const heads = new Map<string, number>()
    const headOf = (stream: string): number => {
      const known = heads.get(stream)
      if (known !== undefined) return known
      const stored = db.getSync(headAt(stream))
      return stored === undefined ? 0 : (packr.unpack(stored) as number)
    }
    const read = (key: Buffer, value: Buffer): RecordedEvent => {
      const [stream, version, type, schema, time, data] = packr.unpack(value) as Stored
      return { position: key.readUIntBE(3, 6), stream, version, type, schema, at: time, data }
    }
    const [last] = await db.keys({ gte: at(0), lt: at(2 ** 48 - 1), reverse: true, limit: 1 }).all()
    let position = last?.readUIntBE(3, 6) ?? 0
    return {
      async append(commit) {
        const { stream, events } = commit
        const version = headOf(stream)
        mustBeAt(version, commit)
        heads.set(stream, version + events.length)
        const batch = [
          { type: 'put' as const, key: headAt(stream), value: packr.pack(version + events.length) },
          { type: 'put' as const, key: commitAt(stream, version + 1), value: packr.pack([position + 1, events.length]) },
          ...events.map(({ type, data }, i) => {
            const value = packr.pack([stream, version + 1 + i, type, 1, Date.now(), data])
            return { type: 'put' as const, key: at(++position), value }
          }),
        ]
        await db.batch(batch, { sync: !loading })
      },
      async each(visit) {
        for await (const [key, value] of db.iterator({ gte: at(0), lt: at(2 ** 48 - 1) })) visit(read(key, value))
      },
      async eachOf(stream, visit) {
        const commits = await db.values({ gte: commitAt(stream, 0), lt: commitAt(stream, 2 ** 48 - 1) }).all()
        const keys = commits.flatMap((value) => {
          const [first, count] = packr.unpack(value) as [number, number]
          return Array.from({ length: count }, (_, i) => at(first + i))
        })
        const values = await db.getMany(keys)
        keys.forEach((key, i) => visit(read(key, values[i] as Buffer)))
      },
      close: () => db.close(),
    }
  },
}
