import type { VerifyReport } from '../../index.js'
import { EXIT, withJournal, type Command } from '../command.js'
import { bad, dim, good, print, printJson, Progress } from '../terminal.js'

/** Checks every byte and says what does not check. */
export const verify: Command = {
  name: 'verify',
  takes: ['<dir>'],
  says: 'Read every byte of a journal and say what does not check.\nChanges nothing. Exits with 3 when the journal is damaged; a bad snapshot file alone is no damage, it is only derived.',
  options: { snapshots: { type: 'boolean', says: 'name the snapshot files that are fine, too' } },
  examples: ['verify ./.turnlog', 'verify ./.turnlog --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const progress = new Progress('checking')
      const report = await journal.verify({ snapshots: true, progress: (done, total) => progress.show(done, total) })
      progress.end()
      if (given.json) printJson(report)
      else tell(report, given.options['snapshots'] === true)
      return report.ok ? EXIT.fine : EXIT.damage
    }),
}

function tell({ ok, position, digest, commits, events, damage, snapshots }: VerifyReport, all: boolean): void {
  print(`${ok ? good('ok') : bad('damaged')}  ${events} events in ${commits} commits, up to position ${position}`)
  print(dim(`digest ${digest}`))
  for (const { segment, offset, bytes, firstPosition, lastPosition, reason } of damage) {
    print(
      `${bad('damage')}  ${segment} at ${offset}, ${bytes} bytes, positions ${firstPosition} to ${lastPosition ?? 'unknown'}: ${reason}`,
    )
  }
  for (const { file, ok: fine, reason } of snapshots) {
    if (!fine) print(`${bad('refused')}  ${file}: ${reason}`)
    else if (all) print(`${good('ok')}  ${file}`)
  }
}
