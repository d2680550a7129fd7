/** What every contender is measured through: stores of events, each at its stated durability and with a version check of its own. */
import { Packr } from 'msgpackr'
import type { RecordedEvent } from '../../src/index.js'
import type { Commit } from '../workload.js'

/** Something that takes commits. */
export interface Sink {
  /** Resolves when the commit survives power loss; rejects, and changes nothing, where its stream is not at the expected version. */
  append(commit: Commit): Promise<void>
  close(): Promise<void>
}

/** An open store of events. */
export interface Store extends Sink {
  /** Reads every event in order, decoded, and checked as far as the store does. */
  each(visit: (event: RecordedEvent) => void): Promise<void>
  /** The same of one stream. */
  eachOf(stream: string, visit: (event: RecordedEvent) => void): Promise<void>
}

/**
 * `turnlog`: it, or it with other options. `peer`: what turnlog is held against. `shown`: does not promise the same, so that it is shown and not
 * counted. `reference`: no store, but what the machine leaves to everybody.
 */
export type Role = 'turnlog' | 'peer' | 'shown' | 'reference'

export interface Contender<S extends Sink = Store> {
  name: string
  role: Role
  durability: string
  /** Where it looks up the version that a stream is at; absent where it does not. */
  checks?: string
  /**
   * Syncs for each append of a lone caller, as `strace -f -e trace=fsync,fdatasync,msync,sync_file_range,openat,write,pwrite64,writev,pwritev` tells
   * them: writes to what was opened with O_DSYNC are syncs too.
   */
  syncs: string
  /** Closed after the warm-up and opened again: what was there before is not in memory. */
  opensAgain?: true
  /** `loading`: it is only filled now, and need not sync, where that can be chosen. */
  open(directory: string, loading?: boolean): Promise<S>
}

/** Plain MessagePack, by the library that turnlog uses. */
export const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true, int64AsType: 'number', copyBuffers: true })

/** Refuses a commit whose stream is not where its caller knows it to be. */
export function mustBeAt(version: number, { stream, expected }: Commit): void {
  if (version !== expected) throw new Error(`${stream} is at ${version}, not at ${expected}`)
}
