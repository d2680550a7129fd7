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
  interface Range {
    reverse?: boolean
    limit?: number
  }

  interface Database<V, K> {
    get(key: K): V | undefined
    put(key: K, value: V): Promise<boolean>
    getKeys(range?: Range): Iterable<K>
    getRange(range?: Range): Iterable<{ key: K; value: V }>
  }

  interface RootDatabase {
    openDB<V, K>(options: { name: string; keyEncoding?: 'uint32'; encoding?: 'msgpack' | 'binary' }): Database<V, K>
    transaction<T>(work: () => T): Promise<T>
    flushed: Promise<boolean>
    close(): Promise<void>
  }

  export function open(options: { path: string; maxDbs?: number }): RootDatabase
}
