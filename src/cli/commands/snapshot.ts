import { basename, dirname } from 'node:path'
import { call, item, openJournal, session, task, thread, timeline, turn } from '../../index.js'
import { EXIT, withJournal, type Command, type OpenedJournal } from '../command.js'
import { waitedFor } from '../progress.js'
import { bytes, print, printJson, table } from '../terminal.js'

/** Saves the views. */
export const snapshot: Command = {
  name: 'snapshot',
  takes: ['<dir>'],
  says: 'Save the views in files that the next open can start from.\nNeeds the journal for itself; what was running in it stays as it is.',
  options: { 'dry-run': { type: 'boolean', says: 'say what would be saved, and change nothing' } },
  leaves: 'the journal is as it was; views that are saved stay saved',
  examples: ['snapshot ./.turnlog', 'snapshot ./.turnlog --dry-run'],
  async run(given) {
    const {
      arguments: [directory],
      options,
      json,
    } = given
    if (options['dry-run'] === true) return withJournal(given, (journal) => rehearse(journal, json))
    await using journal = await waitedFor('opening', openJournal(directory as string, { onInterrupted: 'leave' }))
    const snapshots = await waitedFor('saving the views', journal.snapshot())
    if (json) printJson({ snapshots })
    else if (snapshots.length === 0) print('Nothing has changed since the last snapshots.')
    else print(table([['file', 'position', 'size'], ...snapshots.map(({ file, head, bytes: size }) => [file, head.position, bytes(size)])]))
    return EXIT.fine
  },
}

/** Views that have no sound snapshot of where the journal is now. */
async function rehearse(journal: OpenedJournal, json: boolean): Promise<number> {
  const { position } = journal.head
  const { snapshots: there } = await journal.verify()
  const now = new Set(
    there.filter(({ file, ok }) => ok && Number.parseInt(basename(file), 10) === position).map(({ file }) => basename(dirname(file))),
  )
  const snapshots = [session, thread, turn, item, call, task, timeline].map(({ name }) => name).filter((name) => !now.has(name))
  if (json) printJson({ dryRun: true, position, snapshots })
  else if (snapshots.length === 0 || position === 0) print('Nothing has changed since the last snapshots.')
  else print(`Up to position ${position} these would be saved: ${snapshots.join(', ')}`)
  return EXIT.fine
}
