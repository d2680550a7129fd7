import { EXIT, withJournal, type Command } from '../command.js'
import { defaultKeyPath, secretKey } from '../keys.js'
import { writeNote } from '../note.js'
import { printJson } from '../terminal.js'

/** Says, signed, what the journal is now. */
export const sign: Command = {
  name: 'sign',
  takes: ['<dir>'],
  says: 'Print a signed note of how far the journal has come, to hold it to later with `turnlog verify --since`.\nThe note commits to every event so far. Keep it where whoever could rewrite the journal cannot.',
  options: { key: { type: 'string', value: 'FILE', says: 'the secret key (what turnlog keygen made)' } },
  examples: ['sign ./.turnlog > note', 'sign ./.turnlog --key ~/keys/ci'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const key = secretKey(String(given.options['key'] ?? defaultKeyPath()))
      const note = writeNote(journal.id, journal.head, key)
      if (given.json) printJson({ note, id: journal.id, ...journal.head, signedBy: key.name })
      else process.stdout.write(note)
      return EXIT.fine
    }),
}
