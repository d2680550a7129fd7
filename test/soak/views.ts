/** What a journal shows, in forms that can be compared: all of it as hashes, one session against a fold of its own. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Key, openJournal, Projection, RecordedEvent } from '../../src/index.js'
import { projections } from '../../projections/index.js'

export type Soaked = Awaited<ReturnType<typeof openJournal>>

const all = projections as unknown as readonly Projection[]

/** A hash of every list in every order. */
export async function printsOf(journal: Soaked): Promise<Record<string, string>> {
  const prints: Record<string, string> = {}
  for (const projection of all)
    for (const by of [undefined, ...Object.keys(projection.index)]) {
      const hash = createHash('sha256')
      for await (const { key, state } of journal.list(projection, by === undefined ? {} : { by })) hash.update(JSON.stringify([key, state]))
      prints[by === undefined ? projection.name : `${projection.name} by ${by}`] = hash.digest('hex')
    }
  return prints
}

/** Rows of a session that are not what its events fold to, without cache and derived state; nobody may append to it meanwhile. */
export async function rowsThatDiffer(journal: Soaked, stream: string): Promise<string[]> {
  const rows = new Map<string, { projection: Projection; key: Key; state: unknown }>()
  for await (const event of journal.read(stream)) {
    for (const projection of all.filter(({ types }) => types.includes(event.type)))
      for (const key of projection.keys(event)) {
        const id = JSON.stringify([projection.name, key])
        const { state } = rows.get(id) ?? { state: projection.initial(key) }
        rows.set(id, { projection, key, state: projection.apply(state, event, key) })
      }
  }
  const differing: string[] = []
  for (const [id, { projection, key, state }] of rows) {
    const view = await journal.view(projection, key)
    if (!isDeepStrictEqual(view.state, state)) differing.push(id)
  }
  return differing
}

/** All that an event says. */
export function lineOf({ position, stream, version, type, schema, at, data }: RecordedEvent): string {
  return `${JSON.stringify([position, stream, version, type, schema, at, data])}\n`
}
