import { checkFrozen, freeze as freezeShapes } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { loadModule } from '../parts.js'
import { bad, good, print, printJson } from '../terminal.js'

/** Records the shapes of a catalogue. */
export const freeze: Command = {
  name: 'freeze',
  takes: ['<dir>', '<module>'],
  says: 'Record the shape of every event type, so that no change of one goes unnoticed.\nThe module exports events and upcasters; the directory belongs under version control. Adds what is missing, changes nothing that is there.',
  options: {
    check: { type: 'boolean', says: 'write nothing; exit with 1 where something does not agree or is not frozen yet' },
    'dry-run': { type: 'boolean', says: 'the same, for who looks before writing' },
  },
  leaves: 'what is frozen stays frozen; the same command goes on',
  examples: ['freeze ./schemas ./dist/events.js', 'freeze ./schemas ./dist/events.js --check'],
  async run({ arguments: [directory, module], options, json }) {
    const { events, upcasters } = await loadModule(module as string)
    const parts = { events, upcasters } as never
    const check = options['check'] === true || options['dry-run'] === true
    const { written, findings } = check
      ? { written: [], findings: await checkFrozen(directory as string, parts) }
      : await freezeShapes(directory as string, parts)
    if (json) printJson({ written, findings })
    else {
      for (const name of written) print(`${good('frozen')}  ${name}`)
      for (const { type, schema, reason } of findings) print(`${bad(`${type}@${schema}`)}  ${reason}`)
      if (written.length + findings.length === 0) print('Nothing has changed.')
    }
    return findings.length === 0 ? EXIT.fine : EXIT.failed
  },
}
