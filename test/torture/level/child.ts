/** Boots the journals that it is told of, and says what each shows. LevelDB may end it. */
import { openNotes, rowsOf } from './notes.js'

process.on('message', (directory: string) => void show(directory))

async function show(directory: string): Promise<void> {
  let shown: { derived: string; rows: string }
  try {
    const journal = await openNotes(directory)
    const { derived } = journal.recovery
    shown = { derived, rows: await rowsOf(journal) }
    await journal.close()
  } catch (error) {
    shown = { derived: 'none', rows: String((error as Error).stack) }
  }
  process.send?.(shown)
}
