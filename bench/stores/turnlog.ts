/** turnlog: as the peers are, with what they do not have, and on the calling thread. */
import { events as builtIn, openJournal, type JournalOptions, type RecordedEvent } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import type { Contender, Store } from './store.js'

const CHECKS = 'memory, its index for the first commit of a stream'

/** The journal as a store of events: judged by their schemas and checked for their version, as the peers do; no laws, no views. */
export const turnlog: Contender = {
  name: 'turnlog',
  role: 'turnlog',
  durability: 'write + fdatasync in another thread',
  checks: CHECKS,
  syncs: '1',
  open: async (directory) => storeOf(await openJournal(directory, { events: builtIn, upcasters })),
}

/** The same, syncing on the calling thread, as better-sqlite3 does. */
export const turnlogBlocking: Contender = {
  name: 'turnlog, blocking',
  role: 'turnlog',
  durability: 'write + fdatasync on the calling thread',
  checks: CHECKS,
  syncs: '1',
  open: async (directory) => storeOf(await openJournal(directory, { events: builtIn, upcasters, blocking: true })),
}

/** The journal as a runtime uses it: every event held against the laws, seven projections kept up while it is written. */
export const turnlogWhole: Contender = {
  name: 'turnlog with laws and views',
  role: 'turnlog',
  durability: 'write + fdatasync in another thread',
  checks: CHECKS,
  syncs: '1',
  open: async (directory) => storeOf(await openJournal(directory, WHOLE)),
}

/** The same where it goes on with sessions that were there before. */
export const turnlogAgain: Contender = { ...turnlogWhole, name: 'turnlog with laws and views, opened again', opensAgain: true }

/** How a runtime opens it, but that what runs is left running. */
export const WHOLE: JournalOptions = { onInterrupted: 'leave' }

interface Opened {
  append(stream: string, events: never[], options: { expectedVersion: number }): Promise<unknown>
  read(stream: string): AsyncIterable<unknown>
  readAll(): AsyncIterable<unknown>
  close(): Promise<void>
}

function storeOf(journal: Opened): Store {
  return {
    async append({ stream, expected, events }) {
      await journal.append(stream, events as never[], { expectedVersion: expected })
    },
    async each(visit) {
      for await (const event of journal.readAll()) visit(event as RecordedEvent)
    },
    async eachOf(stream, visit) {
      for await (const event of journal.read(stream)) visit(event as RecordedEvent)
    },
    close: () => journal.close(),
  }
}
