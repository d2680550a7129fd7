/** What is damaged or lost, as a person reads it. */
import type { Damage } from '../index.js'
import { bad, oneLine, styled, wrapped } from './terminal.js'

/** Streams that are named; of the others it is said how many there are. */
const STREAMS_MAX = 5

export function damageTable(what: 'damage' | 'lost', list: readonly Damage[]): string {
  const mark = what === 'damage' ? bad(what) : styled('yellow', what)
  return list.flatMap((one) => wrapped(told(one), 8).map((line, i) => `${i === 0 ? mark.padEnd(8) : '      '}  ${line}`)).join('\n')
}

function told({ segment, offset, bytes, firstPosition, lastPosition, streams, reason }: Damage): string {
  const where = segment === '' ? '' : `${segment} at ${offset}, ${bytes} bytes, `
  return `${where}${positions(firstPosition, lastPosition)}${streamsOf(streams)}: ${reason}`
}

function positions(first: number, last: number | undefined): string {
  if (last === undefined) return `positions ${first} to unknown`
  return last < first ? 'no event' : `positions ${first} to ${last}`
}

function streamsOf(streams: readonly string[] | undefined): string {
  if (streams === undefined || streams.length === 0) return ''
  const named = streams.slice(0, STREAMS_MAX).map(oneLine).join(', ')
  return ` of ${named}${streams.length > STREAMS_MAX ? ` and ${streams.length - STREAMS_MAX} more` : ''}`
}
