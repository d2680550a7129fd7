import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { EXIT, UsageError, withJournal, type Command, type Given, type OpenedJournal } from '../command.js'
import { exporters } from '../export/exporters.js'
import { exported, type Exported } from '../export/run.js'
import { bad, dim, oneLine, printJson } from '../terminal.js'

const kinds = exporters.map(({ kind }) => kind)

/** Takes a session out again, for another program. */
export const exporting: Command = {
  name: 'export',
  takes: ['<dir>', '<session>'],
  says:
    'Write one session as a file that another program reads.\n' +
    'It goes to standard output, or to a file that is not there yet. What the other format has no place for is counted, and\n' +
    `told on standard error.\n${exporters.map(({ kind, says }) => `  ${kind}: ${says}`).join('\n')}`,
  options: {
    to: { type: 'string', value: 'FORMAT', says: `one of ${kinds.join(', ')}` },
    out: { type: 'string', value: 'FILE', says: 'a new file to write it to' },
    thread: { type: 'string', value: 'ID', says: 'the thread to write; main where none is named' },
    'dry-run': { type: 'boolean', says: 'say what would be lost, and write nothing' },
  },
  examples: [
    'export ./.turnlog session-42 --to claude-code > 42.jsonl',
    'export ./.turnlog session-42 --to pi --out 42.jsonl --json',
    'export ./.turnlog session-42 --to pi --dry-run',
  ],
  run: (given) => withJournal(given, (journal) => run(given, journal)),
}

async function run({ arguments: [, stream = ''], options, json }: Given, journal: OpenedJournal): Promise<number> {
  const { to, out, thread = 'main' } = options as Record<string, string | undefined>
  const dryRun = options['dry-run'] === true
  const exporter = exporters.find(({ kind }) => kind === to)
  if (exporter === undefined)
    throw new UsageError(`--to takes one of ${kinds.join(', ')}${to === undefined ? '' : `, not ${JSON.stringify(to)}`}`)
  const found = await exported(journal, stream, thread, exporter)
  if (found === undefined) return failed(`there is no session ${JSON.stringify(stream)}`)
  if (typeof found === 'string') return failed(found)
  const written = out === undefined || dryRun ? await write(found, dryRun || json ? undefined : toOutput) : await writeTo(out, found)
  const lost = found.losses.list()
  if (json) printJson({ to, session: stream, thread, name: found.name, ...written, ...(out === undefined || dryRun ? {} : { out }), lost })
  else for (const { what, count } of lost) process.stderr.write(`${dim('lost')}  ${count} × ${oneLine(what)}\n`)
  return EXIT.fine
}

type Sink = (text: string) => void | Promise<unknown>

/** To standard output, at the pace of who reads it. */
const toOutput: Sink = (text) => (process.stdout.write(text) ? undefined : once(process.stdout, 'drain'))

async function write({ lines }: Exported, sink: Sink | undefined): Promise<{ records: number; bytes: number }> {
  let [records, bytes] = [0, 0]
  for await (const line of lines) {
    await sink?.(`${line}\n`)
    records += 1
    bytes += Buffer.byteLength(line) + 1
  }
  return { records, bytes }
}

async function writeTo(path: string, found: Exported): Promise<{ records: number; bytes: number }> {
  const file = await open(path, 'wx')
  try {
    return await write(found, (text) => file.appendFile(text))
  } finally {
    await file.close()
  }
}

function failed(message: string): number {
  process.stderr.write(`${bad('turnlog:')} ${message}\n`)
  return EXIT.failed
}
