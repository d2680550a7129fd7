/** Small events and small notes: each event holds a number, and a stream's note adds them up. */
import { unpacked, type NewCommit, type StoredCommit, type StreamNotes } from '../../../src/storage/commit-store.js'

/** What the notes keep of a stream: how many events, and the sum of their numbers. */
export interface Sum {
  events: number
  sum: number
}

export const notes: StreamNotes<Sum> = {
  initial: () => ({ events: 0, sum: 0 }),
  fold: (note, commit) => ({
    events: note.events + commit.events.length,
    sum: note.sum + commit.events.reduce((sum, { data }) => sum + (data as { n: number }).n, 0),
  }),
  isOpen: ({ sum }) => sum % 2 === 1,
  claims: ({ events }) => events.filter(({ type }) => type === 'claim').map(({ data }) => String((data as { n: number }).n)),
  encode: (note) => Buffer.from(JSON.stringify(note)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Sum,
}

export function event(n: number, type = 'added', text = ''): NewCommit['events'][0] {
  return { type, schema: 1, data: text === '' ? { n } : { n, text }, flags: 0 }
}

/** A commit that was read, as a plain object, to be compared. */
export const withData = (commit: StoredCommit): StoredCommit => ({ ...commit, events: commit.events.map(unpacked) })
