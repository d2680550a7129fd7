/** As much of the peers' types as the benchmarks use: the compiler checks this folder also where the peers are not installed. */

declare module 'better-sqlite3' {
  interface Statement {
    get(...values: unknown[]): unknown
    run(...values: unknown[]): unknown
    iterate(...values: unknown[]): IterableIterator<unknown>
  }

  export default class Database {
    constructor(file: string)
    pragma(source: string): unknown
    exec(source: string): this
    prepare(source: string): Statement
    transaction<A extends unknown[]>(work: (...values: A) => void): { immediate(...values: A): void }
    close(): this
  }
}

declare module 'lmdb' {
  interface Range<K> {
    start?: K
    end?: K
    reverse?: boolean
    limit?: number
  }

  interface Database<V, K> {
    get(key: K): V | undefined
    put(key: K, value: V, version?: number): Promise<boolean>
    /** What `put` puts counts only where the entry has that version then; null: where there is none. */
    ifVersion(key: K, version: number | null, put: () => void): Promise<boolean> & { flushed: Promise<boolean> }
    getKeys(range?: Range<K>): Iterable<K>
    getRange(range?: Range<K>): Iterable<{ key: K; value: V }>
  }

  interface RootDatabase {
    openDB<V, K>(options: { name: string; keyEncoding?: 'uint32'; encoding?: 'msgpack' | 'binary'; useVersions?: boolean }): Database<V, K>
    transactionSync<T>(work: () => T): T
    close(): Promise<void>
  }

  export function open(options: { path: string; maxDbs?: number; noSync?: boolean; separateFlushed?: boolean }): RootDatabase
}

declare module 'classic-level' {
  interface Range<K> {
    gte?: K
    lt?: K
    reverse?: boolean
    limit?: number
  }

  interface Entries<T> extends AsyncIterable<T> {
    all(): Promise<T[]>
  }

  export class ClassicLevel<K, V> {
    constructor(directory: string, options: { keyEncoding: 'buffer'; valueEncoding: 'buffer' })
    open(): Promise<void>
    getSync(key: K): V | undefined
    getMany(keys: K[]): Promise<(V | undefined)[]>
    batch(changes: { type: 'put'; key: K; value: V }[], options: { sync: boolean }): Promise<void>
    iterator(range: Range<K>): Entries<[K, V]>
    keys(range: Range<K>): Entries<K>
    values(range: Range<K>): Entries<V>
    close(): Promise<void>
  }
}

declare module '@event-driven-io/emmett-sqlite' {
  interface Read {
    type: string
    data: unknown
    metadata: { streamPosition: bigint; globalPosition: bigint }
  }

  interface EventStore {
    appendToStream(
      stream: string,
      events: readonly { type: string; data: unknown }[],
      options: { expectedStreamVersion?: bigint },
    ): Promise<{ nextExpectedStreamVersion: bigint }>
    readStream(stream: string): Promise<{ events: Read[] }>
  }

  export function getSQLiteEventStore(options: { fileName: string; schema: { autoMigration: 'CreateOrUpdate' } }): EventStore
}

declare module 'hypercore' {
  export default class Hypercore {
    readonly length: number
    constructor(directory: string)
    ready(): Promise<void>
    append(blocks: Uint8Array[]): Promise<unknown>
    get(index: number): Promise<Uint8Array | null>
    close(): Promise<void>
  }
}
