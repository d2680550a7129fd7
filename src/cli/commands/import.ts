import { EXIT, type Command } from '../command.js'
import { importers } from '../import/importers.js'
import type { FileReport, ImportReport } from '../import/report.js'
import { importSources } from '../import/run.js'
import { Progress } from '../progress.js'
import { bad, dim, good, oneLine, print, printJson, table } from '../terminal.js'

const kinds = importers.map(({ kind }) => kind)

/** Lines of what was damaged, and of what did not fit, that a person is shown of one file. */
const SHOWN_MAX = 5

/** Brings in sessions that other programs left behind. */
export const importing: Command = {
  name: 'import',
  takes: ['<dir>', '<source…>'],
  says:
    'Bring sessions of other agents into a journal, which is made where there is none.\n' +
    'A source is a file or a directory; whose files they are is told by what stands in them. Sources are only read.\n' +
    'Importing again adds nothing, and what a source has gained since; an import that was broken off goes on. What fits no\n' +
    'field is kept raw, and everything that is damaged, newer than known or of no known kind is told of, file by file.\n' +
    `Kinds: ${kinds.join(', ')}.`,
  options: {
    from: { type: 'string', value: 'KIND', choices: kinds, says: 'take every file to be of this kind' },
    'dry-run': { type: 'boolean', says: 'say what would be imported, and change nothing' },
  },
  leaves: 'what came in is in the journal; the same command goes on',
  examples: [
    'import ./.turnlog ~/.claude/projects',
    'import ./.turnlog ~/.codex/sessions ~/.pi --dry-run',
    'import ./.turnlog ./backup/output.ndjson --from agentmux --json',
  ],
  async run({ arguments: [directory, ...sources], options, json }) {
    const { from } = options
    const dryRun = options['dry-run'] === true
    const progress = new Progress('importing', 'bytes')
    const report = await importSources({
      directory: directory as string,
      sources,
      dryRun,
      progress: (done, total) => progress.show(done, total),
      ...(typeof from === 'string' ? { from } : {}),
    })
    progress.end()
    if (json) printJson(report)
    else tellReport(report, dryRun)
    return EXIT.fine
  },
}

function tellReport({ files, sessions, events, added }: ImportReport, dryRun: boolean): void {
  if (files.length === 0) return print('There are no files.')
  print(
    table([
      ['kind', 'sessions', 'events', 'inferred', 'extra', 'damaged', 'file'],
      ...files.map((file) => [file.kind, file.sessions, file.events, file.inferred, file.extra, file.damaged.length, oneLine(file.path)]),
    ]),
  )
  for (const file of files) for (const line of remarks(file)) print(line)
  const how = dryRun ? `${added} would be added; nothing was changed` : `${added} added`
  print(`\n${good('done')}  ${sessions} session(s) and ${events} events in ${files.length} file(s); ${how}`)
}

function remarks({ path, damaged, details }: FileReport): string[] {
  const lines = damaged.slice(0, SHOWN_MAX).map(({ line, offset, reason }) => {
    const where = [line === undefined ? '' : `line ${line}`, offset === undefined ? '' : `byte ${offset}`].filter((part) => part !== '')
    return `${bad('damaged')}  ${oneLine(path)}${where.length === 0 ? '' : `, ${where.join(', ')}`}: ${oneLine(reason)}`
  })
  if (damaged.length > SHOWN_MAX) lines.push(dim(`         … and ${damaged.length - SHOWN_MAX} more in this file; --json lists them`))
  return [...lines, ...details.notes.map((note) => dim(`note     ${oneLine(path)}: ${oneLine(note)}`))]
}
