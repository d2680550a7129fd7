import { backup as copy, type BackupReport } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { Progress } from '../progress.js'
import { bytes, dim, good, numberOf, print, printJson, say } from '../terminal.js'

/** Copies a journal as it stands, beside its writer. */
export const backup: Command = {
  name: 'backup',
  takes: ['<dir>', '<dest>'],
  says: 'Copy a journal as it stands at one position, also while it is written to.\nA second backup to the same place brings only what is new. What lies there afterwards was read again and checked. Stop it whenever you like: the last backup is what it was, or this one is whole. A damaged journal is not copied.\nA backup is a journal that every command reads: restore it before you write to it.',
  options: { 'dry-run': { type: 'boolean', says: 'say what would be copied, and change nothing' } },
  leaves: 'the last backup is what it was, or this one is whole; the same command goes on',
  examples: ['backup ./.turnlog /mnt/backup/turnlog', 'backup ./.turnlog /mnt/backup/turnlog --dry-run --json'],
  async run({ arguments: [directory = '', to = ''], options, json }) {
    const progress = new Progress('backing up', 'bytes')
    const dryRun = options['dry-run'] === true
    const report = await copy(directory, to, { dryRun, progress: (done, total) => progress.show(done, total) })
    progress.end()
    if (json) printJson(report)
    else tell(report, to)
    return EXIT.fine
  },
}

function tell({ dryRun, position, digest, copied, kept, bytes: count, unproven }: BackupReport, to: string): void {
  const what = `${numberOf(copied.length, 'segment')} (${bytes(count)})`
  const there = kept.length === 0 ? '' : `; ${kept.length} ${kept.length === 1 ? 'is' : 'are'} there`
  if (dryRun) say(`${what} would be copied to ${to}, up to position ${position}${there}`)
  else say(`${good('backed up')}  ${what} copied to ${to}, which has all up to position ${position} and checks${there}`)
  print(dim(`digest ${digest}`))
  if (unproven > 0)
    say(`${unproven} bytes behind it stay behind: the writer died, and nothing proves them until somebody opens the journal for writing.`)
}
