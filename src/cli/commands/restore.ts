import { restore as make } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { Progress } from '../progress.js'
import { bytes, dim, good, print, printJson } from '../terminal.js'

/** Makes a journal of a backup. */
export const restore: Command = {
  name: 'restore',
  takes: ['<backup>', '<new-dir>'],
  says: 'Make a journal of a backup, and prove that it comes to the position and digest that the backup says.\nThe backup is only read. The new directory must be empty or not exist, and is a journal once restore is through: remove what a restore that was stopped left, and begin again.\nIt is the same journal as the one that was backed up. Let one of the two go on: where both do, they are two histories, and a note or receipt of the one does not hold for the other.',
  options: { 'dry-run': { type: 'boolean', says: 'say what would be copied, and change nothing' } },
  leaves: 'what there is of the new directory is no journal yet: remove it, and begin again',
  examples: ['restore /mnt/backup/turnlog ./.turnlog'],
  async run({ arguments: [from = '', to = ''], options, json }) {
    const progress = new Progress('restoring', 'bytes')
    const report = await make(from, to, { dryRun: options['dry-run'] === true, progress: (done, total) => progress.show(done, total) })
    progress.end()
    const what = `${report.copied.length} segments (${bytes(report.bytes)}) up to position ${report.position}`
    if (json) printJson(report)
    else {
      print(report.dryRun ? `${what} would be copied to ${to}` : `${good('restored')}  ${what} into ${to}; they check`)
      print(dim(`digest ${report.digest}`))
    }
    return EXIT.fine
  },
}
