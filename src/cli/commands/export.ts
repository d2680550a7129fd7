import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { EXIT, UsageError, withJournal, type Command, type Given, type OpenedJournal } from '../command.js'
import { exporters } from '../export/exporters.js'
import type { Exported, Exporter, What } from '../export/exporter.js'
import { undoneUnlessDone } from '../interrupt.js'
import { meant } from '../meant.js'
import { toOutput } from '../output.js'
import { Progress } from '../progress.js'
import { bad, bytes as size, dim, oneLine, printJson } from '../terminal.js'

const kinds = exporters.map(({ kind }) => kind)

/** Takes a session out again, for another program. */
export const exporting: Command = {
  name: 'export',
  takes: ['<dir>', '[session]'],
  says:
    'Write a session as a file that another program, a person or turnlog itself reads.\n' +
    'It goes to standard output, or to a file that is not there yet. What the other format has no place for is counted, and\n' +
    'told on standard error. With jsonl, the streams of tasks that belong to the session follow it, and its sub-agents do not: they\n' +
    `are sessions themselves. Without a session, jsonl takes the whole journal: every stream, tasks too, in the order of events.\n${exporters.map(({ kind, says }) => `  ${kind}: ${says}`).join('\n')}`,
  options: {
    to: { type: 'string', value: 'FORMAT', choices: kinds, says: `one of ${kinds.join(', ')}` },
    out: { type: 'string', value: 'FILE', says: 'a new file to write it to' },
    thread: { type: 'string', value: 'ID', says: 'the thread to write: for programs main where none is named, for markdown all of them' },
    'dry-run': { type: 'boolean', says: 'say what would be lost, and write nothing' },
  },
  leaves: '--out is not there, or whole',
  examples: [
    'export ./.turnlog --to jsonl --out all.jsonl',
    'export ./.turnlog session-42 --to markdown > 42.md',
    'export ./.turnlog session-42 --to claude-code > 42.jsonl',
    'export ./.turnlog session-42 --to pi --out 42.jsonl --json',
    'export ./.turnlog session-42 --to pi --dry-run',
  ],
  run: (given) => withJournal(given, (journal) => run(given, journal)),
}

async function run({ arguments: [, word], options, json }: Given, journal: OpenedJournal): Promise<number> {
  const { to, out, thread } = options as Record<string, string | undefined>
  const dryRun = options['dry-run'] === true
  const exporter = exporters.find(({ kind }) => kind === to)
  if (exporter === undefined) throw new UsageError(`export needs --to, which takes one of ${kinds.join(', ')}`)
  const stream = word === undefined ? undefined : ((await meant(journal, word)) ?? word)
  const what = whatOf(exporter, stream, thread)
  if (dryRun && out !== undefined && existsSync(out)) return failed(`${out} is there already, and an export makes a new file`)
  const found = await exporter.open(journal, what)
  if (typeof found === 'string') return failed(found)
  // Where the lines themselves go to the terminal, one sees how far it is.
  const progress = new Progress('exporting', 'records')
  const silent = process.stdout.isTTY && out === undefined && !dryRun && !json
  const total = stream === undefined ? journal.head.position : undefined
  const show = (records: number): void => (silent ? undefined : progress.show(records, total))
  const written =
    out === undefined || dryRun ? await write(found, show, dryRun || json ? undefined : toOutput) : await writeTo(out, found, show)
  progress.end()
  const lost = found.losses.list()
  const { stream: session, ...of } = what
  if (json) printJson({ to, session, ...of, name: found.name, ...written, ...(out === undefined || dryRun ? {} : { out }), lost })
  else {
    if (dryRun) process.stderr.write(`would write ${written.records} records, ${size(written.bytes)}, to ${out ?? 'standard output'}\n`)
    for (const { what: it, count } of lost) process.stderr.write(`${dim('lost')}  ${count} × ${oneLine(it)}\n`)
  }
  return EXIT.fine
}

/** What the words ask for, as far as the format can hold it. */
function whatOf({ kind, takes }: Exporter, stream: string | undefined, thread: string | undefined): What {
  if (stream === undefined && takes !== 'everything') throw new UsageError(`export --to ${kind} needs <session>`)
  if (thread !== undefined && takes === 'everything') throw new UsageError(`export --to ${kind} takes no --thread: it writes all of them`)
  const named = thread ?? (takes === 'a thread' ? 'main' : undefined)
  return { ...(stream === undefined ? {} : { stream }), ...(named === undefined ? {} : { thread: named }) }
}

type Sink = (text: string) => void | Promise<unknown>

/** Characters that are written at once: a write for each line would take longer than reading it. */
const WRITE_CHARACTERS = 256 * 1024

async function write(
  { lines }: Exported,
  show: (records: number) => void,
  sink: Sink | undefined,
): Promise<{ records: number; bytes: number }> {
  let [records, bytes, text] = [0, 0, '']
  for await (const line of lines) {
    records += 1
    bytes += Buffer.byteLength(line) + 1
    show(records)
    text += `${line}\n`
    if (text.length < WRITE_CHARACTERS) continue
    await sink?.(text)
    text = ''
  }
  if (text !== '') await sink?.(text)
  return { records, bytes }
}

async function writeTo(path: string, found: Exported, show: (records: number) => void): Promise<{ records: number; bytes: number }> {
  // Made at once: no interrupt may come between the file and whoever takes it away.
  closeSync(openSync(path, 'wx'))
  // Half a file would be taken for a whole one.
  return undoneUnlessDone(
    () => rmSync(path),
    async () => {
      // It is there, and must not come back where an interrupt has taken it away meanwhile.
      const file = await open(path, constants.O_WRONLY | constants.O_APPEND)
      try {
        const written = await write(found, show, (text) => file.appendFile(text))
        await file.sync()
        return written
      } finally {
        await file.close()
      }
    },
  )
}

function failed(message: string): number {
  process.stderr.write(`${bad('turnlog:')} ${message}\n`)
  return EXIT.failed
}
