/** The turn journal (what was asked, and how it ended) and the run journals (what was streamed) of a Hermes WebUI session. */
import { blocksOf } from '../../content.js'
import { isFields, known, Taken, textOf, timeOf } from '../../fields.js'
import { text as partsOf, type Moment, type Part } from '../../moments.js'
import type { Report } from '../../report.js'
import { jsonlRows, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'

/** A turn of the journal, with the records that tell of it in the order in which they were written. */
export interface JournalTurn {
  id: string
  at: number
  content: string
  run: string | undefined
  rows: Row[]
}

/** Shards larger than this together are told of and not read: a turn journal holds prompts alone. */
const BYTES_MAX = 64 * 1024 * 1024

/** Turns by the time of their first record, and the records that tell of none. */
export async function turnsOf(shards: readonly SourceFile[]): Promise<{ turns: JournalTurn[]; others: Row[] }> {
  const turns = new Map<string, JournalTurn>()
  const others: Row[] = []
  let bytes = 0
  for (const shard of shards) {
    for await (const row of jsonlRows(shard)) {
      bytes += row.raw.length
      const id = textOf(row.fields?.['turn_id'])
      if (id === undefined || bytes > BYTES_MAX) others.push(bytes > BYTES_MAX ? tooMuch(row) : row)
      else turnIn(turns, id, row).rows.push(row)
    }
  }
  return { turns: [...turns.values()].toSorted((a, b) => a.at - b.at), others }
}

const tooMuch = (row: Row): Row => ({
  file: row.file,
  raw: '',
  damaged: `behind the first ${BYTES_MAX} bytes of turn journal, which are all that is read`,
  ...known({ line: row.line }),
})

function turnIn(turns: Map<string, JournalTurn>, id: string, { fields = {} }: Row): JournalTurn {
  const there = turns.get(id) ?? { id, at: timeOf(fields['created_at']) ?? 0, content: '', run: undefined, rows: [] }
  turns.set(id, there)
  if (fields['event'] === 'submitted') there.content = textOf(fields['content']) ?? ''
  there.run ??= textOf(fields['stream_id'])
  return there
}

export const isTerminal = ({ fields = {} }: Row): boolean => fields['event'] === 'completed' || fields['event'] === 'interrupted'

/** What a record of the turn journal tells. */
export function turnMoments(row: Taken): Moment[] {
  const at = known({ at: row.time('created_at') })
  const turnId = row.text('turn_id')
  row.drop('version', 'session_id', 'terminal')
  const event = row.text('event')
  if (event === 'submitted') {
    row.drop('role')
    const model = row.text('model')
    const content = row.text('content') ?? ''
    const attachments = blocksOf(row.take('attachments')).map(attachmentOf)
    const about = { turnId, model, provider: row.text('model_provider'), workspace: row.text('workspace') }
    return [{ kind: 'prompted', input: partsOf(content), ...(attachments.length === 0 ? {} : { attachments }), ...known(about), ...at }]
  }
  if (event === 'completed') return [{ kind: 'ended', how: 'completed', ...known({ turnId }), ...at }]
  if (event !== 'interrupted') return [{ kind: 'noted', what: event ?? 'record', extra: { event: event ?? null }, ...at }]
  const reason = row.text('reason')
  return [{ kind: 'ended', how: reason === 'cancelled' ? 'cancelled' : 'interrupted', ...known({ turnId, reason }), ...at }]
}

function attachmentOf(given: unknown): Part {
  if (!isFields(given)) return { type: 'json', value: given }
  return { type: 'file', ...given }
}

/** Larger runs are taken in the order in which they were written. */
const SORTED_MAX = 32 * 1024 * 1024

/** A run's records by their numbers; those of one number in the order in which they were written, and none is dropped. */
export async function* runRows(file: SourceFile, report: Report): AsyncGenerator<Row> {
  if (file.bytes > SORTED_MAX) {
    report.note(file, `more than ${SORTED_MAX} bytes: taken in the order in which it was written`)
    yield* jsonlRows(file)
    return
  }
  const rows: Row[] = []
  for await (const row of jsonlRows(file)) rows.push(row)
  const numbers = rows.map(({ fields }) => (typeof fields?.['seq'] === 'number' ? fields['seq'] : Number.POSITIVE_INFINITY))
  const distinct = new Set(numbers)
  const turned = numbers.filter((number, i) => i > 0 && number !== (numbers[i - 1] as number) + 1).length
  if (distinct.size < numbers.length)
    report.damaged(file, {
      reason: `${numbers.length} records with ${distinct.size} numbers: several writers used the same; all are taken, numbered again`,
    })
  else if (turned > 0) report.note(file, `${turned} adjacent pairs do not follow each other: taken by their numbers`)
  const order = rows
    .map((row, i) => ({ row, number: numbers[i] as number, i }))
    .toSorted((a, b) => (a.number === b.number ? a.i - b.i : a.number - b.number))
  for (const { row } of order) yield { ...row, of: 'run' }
}

/** How many records a run has, and how it ended. */
export async function summaryOf(file: SourceFile): Promise<string> {
  let records = 0
  let state = 'without an end'
  for await (const { fields } of jsonlRows(file)) {
    records += 1
    if (fields?.['terminal'] === true) state = textOf(fields['terminal_state']) ?? state
  }
  return `${records} records, ${state}`
}

/** Reads a run: pieces of text and reasoning belong together until a tool is called or the run ends. */
export class RunReader {
  readonly #open = new Map<'message' | 'reasoning', { item: string; text: string }>()
  #items = 0

  read(row: Taken): Moment[] {
    const at = known({ at: row.time('created_at') })
    const run = row.text('run_id') ?? 'run'
    row.drop('version', 'event_id', 'seq', 'session_id', 'type')
    const event = row.text('event')
    const payload = row.inner('payload') ?? new Taken({})
    const said = event === 'token' || event === 'reasoning' ? payload.text('text') : undefined
    if (said !== undefined) {
      row.drop('terminal')
      return [{ ...this.#piece(run, event === 'token' ? 'message' : 'reasoning', said), ...at }]
    }
    if (event === 'tool' || event === 'tool_complete') {
      row.drop('terminal')
      return [...this.#whole(), event === 'tool' ? callOf(payload) : outcomeOf(payload)].map((moment) => ({ ...at, ...moment }))
    }
    const ended = endOf(row, payload, event)
    return [
      ...(ended === undefined ? [] : this.#whole()),
      ended ?? { kind: 'noted' as const, what: event ?? 'record', extra: { event: event ?? null } },
    ].map((moment) => ({ ...at, ...moment }))
  }

  #piece(run: string, of: 'message' | 'reasoning', said: string): Moment {
    const open = this.#open.get(of) ?? { item: `${run}:${(this.#items += 1)}`, text: '' }
    open.text += said
    this.#open.set(of, open)
    return { kind: 'streamed', item: open.item, of, text: said }
  }

  /** What was streamed is complete. */
  #whole(): Moment[] {
    const whole = [...this.#open].map(([of, { item, text }]): Moment => ({ kind: of === 'message' ? 'said' : 'reasoned', item, text }))
    this.#open.clear()
    return whole
  }
}

function callOf(payload: Taken): Moment {
  return {
    kind: 'called',
    name: payload.text('name') ?? 'unnamed',
    arguments: payload.take('args') ?? {},
    ...known({ callId: payload.text('tid'), title: payload.text('preview') }),
  }
}

function outcomeOf(payload: Taken): Moment {
  const status = payload.take('is_error') === true ? 'error' : 'ok'
  const preview = payload.text('preview')
  return {
    kind: 'returned',
    status,
    content: preview === undefined ? [] : [{ type: 'text', text: preview }],
    ...known({ callId: payload.text('tid'), name: payload.text('name') }),
  }
}

/** An end of a run; `stream_end` repeats the one before it. */
function endOf(row: Taken, payload: Taken, event: string | undefined): Moment | undefined {
  if (row.see('terminal') !== true || event === 'stream_end') return undefined
  const state = row.text('terminal_state')
  row.drop('terminal')
  return { kind: 'ended', how: ENDS.get(state ?? '') ?? 'interrupted', ...known({ reason: payload.text('message') ?? state }) }
}

const ENDS = new Map<string, 'completed' | 'cancelled' | 'failed'>([
  ['completed', 'completed'],
  ['tool_limit_reached', 'completed'],
  ['interrupted-by-user', 'cancelled'],
  ['errored', 'failed'],
])
