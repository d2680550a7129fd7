/** The index of one segment in memory: which stream has what where, which ids it took. */
import type { NewCommit, StreamNotes } from '../storage/commit-store.js'
import type { PlacedCommit } from './group.js'

/** Where a commit lies. */
export interface Ref {
  /** Offset of its record in the segment, in bytes. */
  offset: number
  bytes: number
  /** Position and version of its first event, and how many events it has. */
  position: number
  version: number
  events: number
}

export interface StreamEntry<Note> {
  refs: Ref[]
  /** Version of the stream's last event here. */
  version: number
  note: Note
}

export class ActiveIndex<Note> {
  readonly streams = new Map<string, StreamEntry<Note>>()
  /** Offset of the frame that holds the commit with an id. */
  readonly commitIds = new Map<string, number>()
  readonly claims = new Set<string>()
  readonly #notes: StreamNotes<Note>

  constructor(notes: StreamNotes<Note>) {
    this.#notes = notes
  }

  /** Adds a commit; `note` is the stream's with it, and `frame` the offset of its frame. */
  add({ commit, offset, bytes }: PlacedCommit, note: Note, frame: number): void {
    const version = commit.version + commit.events.length - 1
    const ref = { offset, bytes, position: commit.position, version: commit.version, events: commit.events.length }
    const entry = this.streams.get(commit.stream)
    if (entry === undefined) this.streams.set(commit.stream, { refs: [ref], version, note })
    else {
      entry.refs.push(ref)
      entry.version = version
      entry.note = note
    }
    if (commit.commitId !== undefined) this.commitIds.set(commit.commitId, frame)
    this.#claim(commit)
  }

  #claim(commit: NewCommit): void {
    for (const claim of this.#notes.claims(commit)) this.claims.add(claimKey(commit.stream, claim))
  }
}

export const claimKey = (stream: string, claim: string): string => `${stream}\0${claim}`
