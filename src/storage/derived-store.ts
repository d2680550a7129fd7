/**
 * The derived port: an ordered, disposable key-value store for what was computed from the journal. Nothing in it is
 * ever trusted unchecked, and all of it can be deleted at any time. LevelDB stands behind it; tests put others there.
 */
export interface DerivedStores {
  /**
   * Opens the store in a directory as it was when it last rested or was closed, creating it if need be. `check` looks it over before
   * it counts as open, and rejects where it is in doubt. Rejects where the store is better not touched at all.
   */
  open(directory: string, check?: (store: DerivedStore) => Promise<void>): Promise<DerivedStore>
  /** Deletes a store that is not open; does nothing where there is none. */
  destroy(directory: string): Promise<void>
  /** Whether there is anything in the directory. */
  exists(directory: string): Promise<boolean>
}

export type DerivedChange = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

export type Slices = Iterable<readonly DerivedChange[]> | AsyncIterable<readonly DerivedChange[]>

export interface DerivedRange {
  /** First key, included. */
  from: Uint8Array
  /** Last key, excluded. */
  to: Uint8Array
  reverse?: boolean
}

export interface DerivedStore {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** The same, read on the calling thread; undefined where that would take long, or something has to be waited for. */
  getAtOnce(keys: Uint8Array[]): (Uint8Array | undefined)[] | undefined
  /** Entries as of the call, also if the store changes meanwhile. */
  range(range: DerivedRange): AsyncIterable<[key: Uint8Array, value: Uint8Array]>
  /**
   * All changes or none. They may come in slices, so that whoever makes them can let others have a turn in between. Not synced: what is
   * lost is computed again.
   */
  batch(slices: Slices): Promise<void>
  /** Deletes a range of keys. */
  clear(range: DerivedRange): Promise<void>
  /**
   * Everything in it is as it should be, and an open after a death may go back to what it holds now. Does nothing while less than so many
   * bytes were written since the last time, or since it was opened.
   */
  rest(least: number): Promise<void>
  /** `sound`: everything in it is as it should be, and the next open may go by that. */
  close(sound: boolean): Promise<void>
}
