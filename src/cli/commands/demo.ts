import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EXIT, UsageError, type Command } from '../command.js'
import { demonstrate } from '../demo/demo.js'
import { chooseKills } from '../demo/kills.js'
import { Narrator, silent } from '../demo/narrator.js'
import { summary } from '../demo/summary.js'
import { loadScripts } from '../demo/scripts.js'
import { printJson } from '../terminal.js'

/** What a newcomer sees first. */
export const demo: Command = {
  name: 'demo',
  takes: ['[transcript…]'],
  says:
    'Watch a session being journaled, killed, recovered and checked.\n' +
    'A runtime plays a session as it would happen live and is killed in the middle of it, again and again, until all of it\n' +
    'is in the journal. Then everything that is derived is deleted or damaged, and comes back. Plays the\n' +
    'first session of each file that `import` can read, or a session of its own. Exits with 1 if anything is not as promised.',
  options: {
    dir: { type: 'string', value: 'DIR', says: 'where the journal shall lie: a directory that is new or empty' },
    'dry-run': { type: 'boolean', says: 'say what would be played, and when it would be killed, and do neither' },
  },
  leaves: 'the journal of the demonstration stays where it is; remove it when you like',
  examples: ['demo', 'demo ~/.claude/projects/my-project/*.jsonl', 'demo --dir ./try --json'],
  async run({ arguments: transcripts, options, json }) {
    const scripts = await loadScripts(transcripts)
    const dryRun = options['dry-run'] === true
    const directory = await place(options['dir'], dryRun)
    const narrator = new Narrator()
    if (dryRun) {
      const kills = chooseKills(scripts)
      if (json)
        printJson({ dryRun, journal: directory, sessions: scripts.map(({ session, steps }) => ({ session, steps: steps.length })), kills })
      else narrator.begins(directory, scripts, kills)
      return EXIT.fine
    }
    const result = await demonstrate({ directory, transcripts, scripts }, json ? silent : narrator)
    if (json) printJson(summary(result))
    else narrator.concludes(result)
    return result.broken.length === 0 ? EXIT.fine : EXIT.failed
  },
}

async function place(named: string | boolean | undefined, dryRun: boolean): Promise<string> {
  if (typeof named !== 'string') return dryRun ? join(tmpdir(), 'turnlog-demo') : mkdtemp(join(tmpdir(), 'turnlog-demo-'))
  const there = await readdir(named).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  if (there.length > 0) throw new UsageError(`--dir takes a directory that is new or empty; ${named} holds ${there.length} file(s)`)
  return resolve(named)
}
