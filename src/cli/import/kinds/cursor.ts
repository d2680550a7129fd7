/** Cursor: a role and blocks for each message, without times and mostly without names; sub-agents in a folder beside. */
import { basename, dirname } from 'node:path'
import { blockOf, saidByUser } from '../blocks.js'
import { blocksOf } from '../content.js'
import { isFields, known, type Fields } from '../fields.js'
import { fileId, fileSource, streamOf, type Telling, type Reader, type Source } from '../importer.js'
import type { Moment } from '../moments.js'
import { someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const cursor: Telling = {
  kind: 'cursor',
  says: 'Cursor agent transcripts (JSONL, sub-agents beside them)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) yield sourceOf(file, files)
  },
}

const isRow = ({ role, message, type, uuid }: Fields): boolean =>
  typeof role === 'string' && isFields(message) && Array.isArray(message['content']) && type === undefined && uuid === undefined

function sourceOf(file: SourceFile, files: readonly SourceFile[]): Source {
  const folder = dirname(file.path)
  const around = dirname(folder)
  // A sub-agent's folder lies beside the one transcript that it belongs to, or bears its name.
  const beside =
    basename(folder) === 'subagents' ? files.filter((one) => dirname(one.path) === around || one.path === `${around}.jsonl`) : []
  const parent = beside.length === 1 ? streamOf(fileId('cursor', beside[0] as SourceFile)) : undefined
  return fileSource('cursor', file, { session: parent === undefined ? {} : { parent: { stream: parent } }, reader })
}

function reader(): Reader {
  return (row) => {
    if (row.see('type') === 'turn_ended') {
      row.drop('type')
      const status = row.text('status')
      return [
        {
          kind: 'ended',
          how: status === 'success' ? 'completed' : status === 'cancelled' ? 'cancelled' : 'failed',
          ...known({ reason: status }),
        },
      ]
    }
    const message = row.inner('message')
    const role = row.see('role')
    if (message === undefined || (role !== 'user' && role !== 'assistant')) return []
    row.drop('role')
    const model = row.text('model')
    const content = message.take('content')
    if (role === 'assistant') return blocksOf(content).map((block) => blockOf(block, known({ model })))
    const { outcomes, input } = saidByUser(content)
    // The ids of outcomes name no call: they come in the order of the calls.
    const unnamed = outcomes.map((moment): Moment => {
      if (moment.kind !== 'returned') return moment
      const { callId, ...rest } = moment
      return { ...rest, ...known({ extra: callId === undefined ? rest.extra : { ...rest.extra, tool_use_id: callId } }) }
    })
    return input.length === 0 ? unnamed : [...unnamed, { kind: 'prompted', input }]
  }
}
