/**
 * The runtime's process: `child.js <request as JSON>`. Opens the journal, plays what is left of the scripts, and tells
 * each thing it knows as a line of JSON the moment it knows it, so that whoever kills it knows what was promised.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { openJournal, type Recovery } from '../../index.js'
import { play, type Listener, type Resumption } from './runtime.js'
import { loadScripts } from './scripts.js'

export interface Request {
  directory: string
  transcripts: string[]
  /** Where the story takes its time, and the parent kills: this many steps past one step of a session. */
  hold?: { session: string; step: number; ahead: number }
}

export type Message =
  | { tells: 'recovery'; recovery: Recovery }
  | ({ tells: 'resumes'; session: string } & Resumption)
  | { tells: 'acknowledged'; session: string; step: number; position: number }
  | { tells: 'played' }

/** Longer than anybody waits. */
const HOLD_MS = 60_000

await run(JSON.parse(process.argv[2] as string) as Request)

async function run({ directory, transcripts, hold }: Request): Promise<void> {
  const scripts = await loadScripts(transcripts)
  await using journal = await openJournal(directory)
  tell({ tells: 'recovery', recovery: journal.recovery })
  await journal.snapshot()
  const listener: Listener = {
    resumes: ({ session }, at) => tell({ tells: 'resumes', session, ...at }),
    acknowledged: ({ session }, step, { position }) => tell({ tells: 'acknowledged', session, step, position }),
    async before({ session }, step) {
      if (hold === undefined || session !== hold.session || step <= hold.step + hold.ahead) return
      await wait(HOLD_MS)
      throw new Error('was to be killed here, and nobody came')
    },
  }
  for (const script of scripts) await play(journal, script, listener)
  tell({ tells: 'played' })
}

/** Written to a pipe, which is synchronous: what was told is told, whatever happens next. */
function tell(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
