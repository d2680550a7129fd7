/** RxJS at the edge: followers and views as Observables. Its parts are imported by themselves: the whole is slow to load, in every process. */
import { Observable } from 'rxjs/internal/Observable'
import type { Key, Projection } from '../define.js'
import { Table } from './table.js'
import type { Views } from './views.js'

/** Each subscription follows on its own and stops when it is unsubscribed. */
export function events$<E>(follow: (signal: AbortSignal) => AsyncIterable<E>): Observable<E> {
  return new Observable<E>((subscriber) => {
    const abort = new AbortController()
    const run = async (): Promise<void> => {
      for await (const event of follow(abort.signal)) subscriber.next(event)
      subscriber.complete()
    }
    run().catch((error: unknown) => subscriber.error(error))
    return () => abort.abort()
  })
}

/** The view of a key, then each change of it. Completes when the journal closes. */
export function view$(start: () => Promise<Views>, projection: Projection, key: Key): Observable<{ state: unknown; position: number }> {
  return new Observable((subscriber) => {
    let stop: (() => void) | undefined
    let shown: number | undefined
    /** What came before the first view is shown: states on the way to it, and perhaps behind it. */
    let early: { state: unknown; position: number } | undefined
    const show = (view: { state: unknown; position: number }): void => {
      if (shown !== undefined && view.position <= shown) return
      shown = view.position
      subscriber.next(view)
    }
    const run = async (): Promise<void> => {
      const views = await start()
      const table = views.table(projection)
      const id = Table.id(key)
      if (subscriber.closed) return
      stop = views.watchers.add({
        changed(row, of) {
          if (of !== table || Table.id(row.key) !== id) return
          if (row.failed !== undefined) subscriber.error(row.failed)
          else if (shown === undefined) early = { state: row.state, position: of.applied.position }
          else show({ state: row.state, position: of.applied.position })
        },
        ended: () => subscriber.complete(),
      })
      show(await views.row(projection, key))
      if (early !== undefined) show(early)
    }
    run().catch((error: unknown) => subscriber.error(error))
    return () => stop?.()
  })
}
