import { salvage as carry } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { Progress } from '../progress.js'
import { bad, dim, good, print, printJson } from '../terminal.js'

/** Rescues what is intact. */
export const salvage: Command = {
  name: 'salvage',
  takes: ['<dir>', '<new-dir>'],
  says: 'Carry every commit that is intact into a new journal, at its position, with a gap wherever something is lost.\nWorks on a directory in any state, also where files are missing or the disk gives errors, and only reads it. The new directory must be empty or not exist.\nIt is a journal once salvage is through: remove what a salvage that was stopped left, and begin again.',
  options: { 'dry-run': { type: 'boolean', says: 'say what would be carried over, and change nothing' } },
  leaves: 'what there is of the new directory is no journal yet: remove it, and begin again',
  examples: ['salvage ./broken ./rescued', 'salvage ./broken ./rescued --json'],
  async run({ arguments: [from = '', to = ''], options, json }) {
    const progress = new Progress('salvaging', 'bytes')
    const dryRun = options['dry-run'] === true
    const report = await carry(from, to, { dryRun, progress: (done, total) => progress.show(done, total) })
    progress.end()
    if (json) printJson(report)
    else {
      const what = `${report.events} events in ${report.commits} commits, up to position ${report.position}`
      print(dryRun ? `${what}, would be carried into ${to}` : `${good('salvaged')}  ${what}, into ${to}`)
      for (const { file, reason } of report.unread) print(`${bad('unread')}  ${file}: ${reason}`)
      if (report.gaps.length > 0) print(damageTable('lost', report.gaps))
      if (!dryRun) print(dim('Notes that were signed before hold up to the first gap; sign a new one.'))
    }
    return EXIT.fine
  },
}
