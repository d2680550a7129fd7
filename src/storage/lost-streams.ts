/** Which streams lost events in a range of positions: the index of the segment knows, if it was made while all was well. */
import { PLACE } from './memory-index.js'
import type { State } from './state.js'

/** A longer list is not kept: it would go into every segment's header. */
const STREAMS_MAX = 1000

/** Streams with the last version that each reached; undefined where they cannot be known. */
export type StreamsLost = [stream: string, version: number][] | undefined

export async function streamsIn<Note>({ indexes }: State<Note>, segment: number, first: number, last: number): Promise<StreamsLost> {
  if (last < first) return undefined
  const index = indexes.whole(segment)
  if (index === undefined || index.header.position < last) return undefined
  const lost: [string, number][] = []
  for (let i = 0; i < index.header.streams; i++) {
    const part = await index.part(i)
    if (part === undefined) continue
    const version = reached(await part.places(), part.lastVersion, first, last)
    if (version > 0) lost.push([part.stream, version])
    if (lost.length > STREAMS_MAX) return undefined
  }
  return lost
}

/** The last version of a stream's events in the range; 0 if it has none there. */
function reached(places: readonly number[], lastVersion: number, first: number, last: number): number {
  let version = 0
  for (let at = 0; at < places.length; at += PLACE) {
    const [from, position] = [places[at] as number, places[at + 1] as number]
    const to = at + PLACE < places.length ? (places[at + PLACE] as number) - 1 : lastVersion
    if (position <= last && position + to - from >= first) version = to
  }
  return version
}
