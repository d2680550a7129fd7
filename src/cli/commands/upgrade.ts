import { upgradeJournal, type UpgradeReport } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { loadModule } from '../parts.js'
import { Progress } from '../progress.js'
import { dim, good, print, printJson, say, table } from '../terminal.js'

/** Rewrites a journal in today's format and schemas. */
export const upgrade: Command = {
  name: 'upgrade',
  takes: ['<dir>'],
  says: 'Rewrite a journal in today’s format and schemas.\nWrites a new one beside it, checks it event by event, and swaps them; the old one is kept as <dir>.v<N>.bak. Stop it whenever you like: one whole journal is in use, and a second call goes on.',
  options: {
    'dry-run': { type: 'boolean', says: 'only say what it would do' },
    extend: {
      type: 'string',
      value: 'MODULE',
      says: 'a module that exports your own events, upcasters and laws, where the journal has such',
    },
  },
  leaves: 'one whole journal is in use; the same command goes on',
  examples: ['upgrade ./.turnlog --dry-run', 'upgrade ./.turnlog --extend ./dist/events.js'],
  async run({ arguments: [directory], options, json }) {
    const module = options['extend']
    const own = typeof module === 'string' ? { extend: await loadModule(module) } : {}
    const progress = new Progress('upgrading', 'events')
    const dryRun = options['dry-run'] === true
    const report = await upgradeJournal(directory as string, { ...own, dryRun, progress: (done, total) => progress.show(done, total) })
    progress.end()
    if (json) printJson(report)
    else tell(report)
    return EXIT.fine
  },
}

function tell({ needed, dryRun, rewritten, left, gaps, backup, from }: UpgradeReport): void {
  if (!needed) say(`Nothing to do: what can be rewritten up to position ${from.position} is in today's format and schemas.`)
  else if (dryRun) say(`${rewritten} of the events up to position ${from.position} would be rewritten in today's schemas.`)
  else {
    say(`${good('upgraded')}  ${rewritten} of the events up to position ${from.position} are in today's schemas now`)
    say(dim(`the old journal is ${backup}; remove it when you trust the new one`))
  }
  if (gaps.length > 0) print(damageTable('lost', gaps))
  if (left.length === 0) return
  print('These stay as they are stored:')
  print(table([['type', 'events', 'because it'], ...left.map(({ type, schema, events, why }) => [`${type}@${schema}`, events, WHY[why]])]))
}

const WHY = {
  splits: 'is several events today, which share its position',
  drops: 'is no event today, and its position stays',
  fails: 'cannot be brought to today’s shape',
  unknown: 'is not in the catalogue',
} as const
