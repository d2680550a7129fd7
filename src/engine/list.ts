/** Rows of a projection in one of its orders, in pages. */
import type { Key, Projection } from '../define.js'
import type { Damage } from '../errors.js'
import { DerivedDoubt, orderRange, readOrder, readRow, rowRange } from './rows.js'
import type { Views } from './views.js'

export interface ListOptions<S> {
  /** One of the projection's indexes; the rows' keys where left out. */
  by?: string
  reverse?: boolean
  limit?: number
  /** A row's `cursor`: goes on behind that row. */
  cursor?: string
  /** Only rows whose key (or, with `by`, whose order value) begins with these parts. */
  prefix?: readonly (string | number)[]
  /** Only rows whose state has these values. */
  where?: Partial<S>
}

export interface ListRow<S> {
  key: Key
  state: S
  /** Position the row is true for. */
  position: number
  /** Where to go on behind this row. */
  cursor: string
  /** Where events of the row's stream are lost, or may be; absent where nothing is. */
  gaps?: Damage[]
}

/**
 * How many rows are read at a time: at first, and at most. Twice as many each time, as long as they are small, because before each a write
 * that is under way is waited for.
 */
const PAGE = 128
const PAGE_MAX = 1024
const PAGE_BYTES = 1 << 17

/** Cost: linear in the rows that are looked at; with `where`, rows that do not fit are looked at too. */
export async function* list<S, K extends Key>(
  views: Views,
  projection: Projection<S, K>,
  options: ListOptions<S>,
): AsyncGenerator<ListRow<S>, void, undefined> {
  const table = views.table(projection as unknown as Projection)
  const { by, reverse = false, limit = Number.POSITIVE_INFINITY, prefix = [] } = options
  if (by !== undefined && !Object.hasOwn(projection.index, by)) {
    throw new TypeError(
      `${projection.name} has no order ${JSON.stringify(by)}; it has ${Object.keys(projection.index).join(', ') || 'none'}`,
    )
  }
  if (!(limit >= 0)) throw new TypeError('limit is a number from 0')
  let left = limit
  let cursor = options.cursor
  for (let size = PAGE; left > 0;) {
    const most = options.where === undefined ? Math.min(size, left) : size
    await views.flush([table])
    const { position, page } = await views.sure(table, async () => ({
      position: table.checkpoint.position,
      page: await readPage(views, table.projection, { by, reverse, prefix, cursor, most }),
    }))
    for (const { key, state, at } of page.rows) {
      cursor = at
      if (!fits(state, options.where)) continue
      yield { key, state: state as S, position, cursor }
      if (--left <= 0) return
    }
    if (page.rows.length < most) return
    if (page.bytes < PAGE_BYTES) size = Math.min(size * 2, PAGE_MAX)
  }
}

interface PageWanted {
  by: string | undefined
  reverse: boolean
  prefix: readonly (string | number)[]
  cursor: string | undefined
  /** Rows at most. */
  most: number
}

interface Page {
  rows: { key: Key; state: unknown; at: string }[]
  /** Of what was read. */
  bytes: number
}

async function readPage(views: Views, projection: Projection, { by, reverse, prefix, cursor, most }: PageWanted): Promise<Page> {
  const range = by === undefined ? rowRange(projection.name, prefix.map(String)) : orderRange(projection.name, by, prefix)
  const from = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url')
  if (from !== undefined && (from.compare(range.from) < 0 || from.compare(range.to) >= 0))
    throw new TypeError('The cursor belongs to another list')
  if (from !== undefined && reverse) range.to = from
  if (from !== undefined && !reverse) range.from = Buffer.concat([from, Buffer.of(0)])
  const entries: [Uint8Array, Uint8Array][] = []
  for await (const entry of views.derived.range({ ...range, reverse })) {
    entries.push(entry)
    if (entries.length >= most) break
  }
  const keys = by === undefined ? entries.map(([at]) => at) : entries.map(([at, value]) => readOrder(projection.name, at, value))
  const values = by === undefined ? entries.map(([, value]) => value) : await views.derived.getMany(keys)
  let bytes = 0
  const rows = values.map((value, i) => {
    if (value === undefined) throw new DerivedDoubt(`a row of ${projection.name} is missing from its place`)
    bytes += value.length
    return { ...readRow(keys[i] as Uint8Array, value), at: Buffer.from(entries[i]?.[0] as Uint8Array).toString('base64url') }
  })
  return { rows, bytes }
}

function fits(state: unknown, where: object | undefined): boolean {
  if (where === undefined) return true
  return Object.entries(where).every(([field, value]) => value === undefined || (state as Record<string, unknown>)[field] === value)
}
