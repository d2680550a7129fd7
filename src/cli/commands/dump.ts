import { stripVTControlCharacters } from 'node:util'
import { dump as look, type Dumped, type DumpedFrame, type DumpedRecord } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { toOutput } from '../output.js'
import { Progress } from '../progress.js'
import { bad, bold, bytes, dim, good, oneLine, styled, wide } from '../terminal.js'
import { toExactJson } from '../exact-json.js'

/** Shows what lies on the disk. */
export const dump: Command = {
  name: 'dump',
  takes: ['<dir>', '[segment]'],
  says:
    'Show a journal as it lies on the disk: segments, frames and records, and what of them does not check.\n' +
    'For each the offset in the file and the length; for frames kind, group, positions and digest; for records stream, version, commit\n' +
    'id and events, in the shape in which they are stored. Works on a directory in any state, and beside the runtime that writes.\n' +
    'Judges nothing: whether bytes that do not check are on record as lost, `turnlog verify` says.\n' +
    'With --json, one line for each segment, frame, record and fault, events with their data; bytes are {"$bytes": "<base64>"}.',
  options: {},
  examples: ['dump ./.turnlog', 'dump ./.turnlog 3', 'dump ./.turnlog 00000001-000000000001.seg --json'],
  async run({ arguments: [directory = '', segment], json }) {
    const counts = { segment: 0, frame: 0, record: 0, fault: 0 }
    const progress = process.stdout.isTTY ? undefined : new Progress('reading', 'records')
    for await (const item of look(directory, segment === undefined ? {} : { segment })) {
      if (item.what in counts) counts[item.what as keyof typeof counts] += 1
      progress?.show(counts.record)
      await toOutput(`${json ? toExactJson(item) : told(item)}\n`)
    }
    progress?.end()
    if (segment !== undefined && counts.segment === 0) {
      process.stderr.write(`${bad('turnlog:')} there is no segment ${JSON.stringify(segment)}\n`)
      return EXIT.failed
    }
    const { segment: segments, frame, record, fault } = counts
    const all = `${segments} segment(s), ${frame} frames, ${record} records`
    if (!json) await toOutput(`\n${fault === 0 ? good('ok') : bad(`${fault} place(s) do not check`)}  ${all}\n`)
    return EXIT.fine
  },
}

function told(item: Dumped): string {
  switch (item.what) {
    case 'segment':
      return `${bold(item.segment)}  ${dim(`segment ${item.number}, from position ${item.firstPosition}, ${bytes(item.bytes)}`)}`
    case 'missing':
    case 'stray':
      return `${bad(item.what)}  ${item.segment}: ${item.reason}`
    case 'unread':
      return `${bad(item.what)}  ${item.file}: ${item.reason}`
    case 'frame':
      return line(item, `${frameOf(item)}  ${dim(item.digest.slice(0, 16))}`)
    case 'record':
      return line(item, recordOf(item))
    case 'fault': {
      const { firstPosition: first, lastPosition: last, torn, reason } = item
      const positions = last === undefined ? `from position ${first}` : last < first ? 'no event' : `positions ${first} to ${last}`
      return line(item, `${torn ? styled('yellow', 'torn') : bad('fault')}  ${positions}: ${reason}`)
    }
    case 'behind':
      return line(item, dim(`behind the end: ${item.reason}`))
    default:
      return line(item, dim('zeros, written ahead'))
  }
}

function frameOf({ kind, group, position, events, records, rewritten }: DumpedFrame): string {
  const holds = events === 0 ? `next position ${position}` : `positions ${position} to ${position + events - 1}, ${records} record(s)`
  return `${kind.padEnd(8)} group ${String(group).padEnd(6)} ${holds}${rewritten === true ? ', written once more' : ''}`
}

function recordOf({ position, stream, version, commitId, events }: DumpedRecord): string {
  const id = commitId === undefined ? '' : `  ${dim(oneLine(commitId))}`
  const types = events.map(({ type, schema }) => `${oneLine(type)}@${schema}`)
  return `  ${position}  ${oneLine(stream)} ${version}${id}  ${types.join(' ')}`
}

/** Where it lies, and what it is, as far as the line goes. */
function line({ offset, bytes: length }: { offset: number; bytes: number }, text: string): string {
  const lead = `${String(offset).padStart(10)} ${String(length).padStart(8)}  `
  const room = Math.max(40, (process.stdout.columns ?? 160) - lead.length)
  return `${dim(lead)}${
    wide(text) > room
      ? `${Array.from(stripVTControlCharacters(text))
          .slice(0, room - 1)
          .join('')}…`
      : text
  }`
}
