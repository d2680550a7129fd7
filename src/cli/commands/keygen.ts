import { EXIT, type Command } from '../command.js'
import { defaultKeyPath, makeKey, mayMakeKey } from '../keys.js'
import { dim, print, printJson, say } from '../terminal.js'

/** Makes the key that notes are signed with. */
export const keygen: Command = {
  name: 'keygen',
  takes: ['[file]'],
  says: 'Make the key that `turnlog sign` signs with (Ed25519).\nThe secret goes into the file, for nobody else to read; what others need to check a signature is printed, and lies beside it in <file>.pub.\nKeep the secret away from the journal: who has both can rewrite one and sign the other. A key is never overwritten.',
  options: {
    'dry-run': { type: 'boolean', says: 'say which files it would make, and make none' },
    name: { type: 'string', value: 'NAME', says: 'who signs (turnlog)' },
  },
  leaves: 'the key is whole or not there',
  examples: ['keygen', 'keygen ~/keys/ci --name ci.example.org'],
  async run({ arguments: [file = defaultKeyPath()], options, json }) {
    const name = String(options['name'] ?? 'turnlog')
    if (options['dry-run'] === true) {
      mayMakeKey(file, name)
      if (json) printJson({ dryRun: true, file })
      else say(`A new key of ${name} would lie in ${file}, its public part in ${file}.pub.`)
      return EXIT.fine
    }
    const shown = makeKey(file, name)
    if (json) printJson({ file, public: shown })
    else print(`${shown}\n${dim(`The secret lies in ${file}, the line above in ${file}.pub.`)}`)
    return EXIT.fine
  },
}
