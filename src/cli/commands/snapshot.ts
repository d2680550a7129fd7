import { openJournal } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { waitedFor } from '../progress.js'
import { bytes, print, printJson, table } from '../terminal.js'

/** Saves the views. */
export const snapshot: Command = {
  name: 'snapshot',
  takes: ['<dir>'],
  says: 'Save the views in files that the next open can start from.\nNeeds the journal for itself; what was running in it stays as it is.',
  options: {},
  examples: ['snapshot ./.turnlog'],
  async run({ arguments: [directory], json }) {
    await using journal = await waitedFor('opening', openJournal(directory as string, { onInterrupted: 'leave' }))
    const snapshots = await waitedFor('saving the views', journal.snapshot())
    if (json) printJson({ snapshots })
    else if (snapshots.length === 0) print('Nothing has changed since the last snapshots.')
    else print(table([['file', 'position', 'size'], ...snapshots.map(({ file, head, bytes: size }) => [file, head.position, bytes(size)])]))
    return EXIT.fine
  },
}
