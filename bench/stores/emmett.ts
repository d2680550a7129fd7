/** Emmett on SQLite: an event store as it comes, with its own JSON encoding, its own version check and a connection for each call. */
import { getSQLiteEventStore } from '@event-driven-io/emmett-sqlite'
import { join } from 'node:path'
import type { RecordedEvent } from '../../src/index.js'
import type { Contender } from './store.js'

export const emmett: Contender = {
  name: 'emmett-sqlite',
  role: 'peer',
  durability: 'WAL, synchronous=FULL, in another thread',
  checks: 'its table of streams, within the transaction',
  syncs: '5',
  async open(directory) {
    const store = getSQLiteEventStore({ fileName: join(directory, 'events.db'), schema: { autoMigration: 'CreateOrUpdate' } })
    const streams = new Set<string>()
    // It takes one writer at a time: a second transaction in between is an error.
    let before: Promise<unknown> = Promise.resolve()
    const eachOf = async (stream: string, visit: (event: RecordedEvent) => void): Promise<void> => {
      const { events } = await store.readStream(stream)
      for (const { type, data, metadata } of events) {
        const { streamPosition, globalPosition } = metadata
        visit({ position: Number(globalPosition), stream, version: Number(streamPosition), type, schema: 1, at: 0, data })
      }
    }
    return {
      append({ stream, expected, events }) {
        const run = async (): Promise<void> => {
          streams.add(stream)
          await store.appendToStream(stream, events, { expectedStreamVersion: BigInt(expected) })
        }
        const done = before.then(run)
        before = done.catch(() => undefined)
        return done
      },
      // It has no way to read all streams in order; one after another is what its own parts do for a rebuild of one.
      async each(visit) {
        for (const stream of streams) await eachOf(stream, visit)
      },
      eachOf,
      close: async () => {
        await before
      },
    }
  },
}
