/** Boots the journals that it is told of, and says what each shows. LevelDB may end it. */
import { isJournalError } from '../../../src/index.js'
import { openNotes, rowsOf } from './notes.js'

process.on('message', (directory: string) => void show(directory))

async function show(directory: string): Promise<void> {
  let derived = 'none'
  let rows: string
  let refused = false
  try {
    await using journal = await openNotes(directory)
    derived = journal.recovery.derived
    rows = await rowsOf(journal)
  } catch (error) {
    refused = isJournalError(error)
    rows = String((error as Error).stack)
  }
  process.send?.({ derived, refused, rows })
}
