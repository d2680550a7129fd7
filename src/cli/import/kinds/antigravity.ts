/** Antigravity: steps of a trajectory; a step that is no answer of the planner is the outcome of its oldest open call. */
import { blocksOf } from '../content.js'
import { isFields, known, parsed, Taken, type Fields } from '../fields.js'
import { fileSource, type Telling, type Reader } from '../importer.js'
import { text, type Moment } from '../moments.js'
import { someRow } from '../sample.js'

export const antigravity: Telling = {
  kind: 'antigravity',
  says: 'Antigravity trajectories (JSONL)',
  recognises: (sample) =>
    someRow(sample, ({ step_index: index, source, type }) => index !== undefined && typeof source === 'string' && typeof type === 'string'),
  async *sessions(files) {
    for (const file of files) yield fileSource('antigravity', file, { reader })
  },
}

function reader(): Reader {
  /** Calls of the planner that have no outcome yet. */
  let open = 0
  return (row) => {
    const at = known({ at: row.time('created_at') })
    const moments = momentsOf(row, open > 0)
    for (const { kind } of moments)
      open = kind === 'called' ? open + 1 : kind === 'returned' ? Math.max(0, open - 1) : kind === 'prompted' ? 0 : open
    if (moments.length > 0 && row.see('status') === 'DONE') row.drop('status')
    return moments.map((moment) => ({ ...at, ...moment }))
  }
}

function momentsOf(row: Taken, isCalling: boolean): Moment[] {
  const type = row.see('type')
  if (type === 'USER_INPUT') {
    row.drop('type', 'source')
    return [{ kind: 'prompted', input: text(row.text('content') ?? '') }]
  }
  if (row.see('source') !== 'MODEL') return []
  if (type === 'PLANNER_RESPONSE') return answerOf(row)
  const name = String(row.take('type'))
  row.drop('source')
  const content = text(row.text('content') ?? '')
  if (isCalling) return [{ kind: 'returned', name, status: 'ok', content, extra: { step: name } }]
  // A step that the planner asked for in a way that the trajectory does not hold.
  return [
    { kind: 'called', name, arguments: {}, inferred: 'the call of a step' },
    { kind: 'returned', name, status: 'ok', content },
  ]
}

function answerOf(row: Taken): Moment[] {
  row.drop('type', 'source')
  const thought = row.text('thinking')
  const said = row.text('content')
  const calls = blocksOf(row.take('tool_calls')).map((given): Moment => {
    const call = new Taken(isFields(given) ? given : {})
    const args = call.take('args')
    return {
      kind: 'called',
      name: call.text('name') ?? 'unnamed',
      arguments: isFields(args) ? unquoted(args) : (args ?? {}),
      ...known({ extra: call.rest() }),
    }
  })
  return [
    ...(thought === undefined ? [] : [{ kind: 'reasoned' as const, text: thought }]),
    ...(said === undefined ? [] : [{ kind: 'said' as const, text: said }]),
    ...calls,
  ]
}

/** Each argument is JSON in a text. */
const unquoted = (args: Fields): Fields => Object.fromEntries(Object.entries(args).map(([name, value]) => [name, parsed(value)]))
