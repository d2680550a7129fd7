import { EXIT, type Command } from '../command.js'
import { defaultKeyPath, makeKey } from '../keys.js'
import { dim, print, printJson } from '../terminal.js'

/** Makes the key that notes are signed with. */
export const keygen: Command = {
  name: 'keygen',
  takes: ['[file]'],
  says: 'Make the key that `turnlog sign` signs with (Ed25519).\nThe secret goes into the file, for nobody else to read; what others need to check a signature is printed, and lies beside it in <file>.pub.\nKeep the secret away from the journal: who has both can rewrite one and sign the other. A key is never overwritten.',
  options: { name: { type: 'string', value: 'NAME', says: 'who signs (turnlog)' } },
  examples: ['keygen', 'keygen ~/keys/ci --name ci.example.org'],
  async run({ arguments: [file = defaultKeyPath()], options: { name = 'turnlog' }, json }) {
    const shown = makeKey(file, String(name))
    if (json) printJson({ file, public: shown })
    else print(`${shown}\n${dim(`The secret lies in ${file}, the line above in ${file}.pub.`)}`)
    return EXIT.fine
  },
}
