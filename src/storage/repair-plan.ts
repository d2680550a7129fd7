/** What a repair would do, decided without touching anything, and held to the journal as it was then. */
import { JournalError, type Damage } from '../errors.js'
import { choresOf, doChores, type Chore } from './chores.js'
import type { Clock, Files } from './files.js'
import { fingerprint } from './fingerprint.js'
import { formatState, restoreFormat } from './format-file.js'
import { guarded } from './guard.js'
import { closeAll, coded } from './io.js'
import { nodeFiles } from './node-files.js'
import { openCommitStore } from './open.js'
import { withPacked } from './packed-files.js'
import { Paths } from './paths.js'
import { seeJournal, type OpenStore } from './see.js'
import { State } from './state.js'
import type { SurveyOptions } from './survey.js'
import { systemClock } from './system-clock.js'
import { verify } from './verify.js'

export interface RepairPlan {
  directory: string
  /** Hash of the journal as the plan found it. */
  state: string
  /** FORMAT says nothing, and is written again. */
  format: boolean
  /** Somebody writes to the journal now; a repair waits for them to leave. */
  live: boolean
  /** What costs no event to put right: done with the repair. Not looked for beside a writer. */
  chores: Chore[]
  /** What cannot be read and is to be written down as lost. Empty in a journal that is well. */
  damage: Damage[]
}

/** Reads everything and changes nothing, also beside a writer. @throws JournalError JOURNAL_NOT_FOUND, JOURNAL_NEWER_FORMAT, JOURNAL_IO */
export async function planRepair<Note>(directory: string, options: OpenStore<Note>, reading: SurveyOptions = {}): Promise<RepairPlan> {
  const { files: port = nodeFiles, clock = systemClock } = options
  const files = withPacked(guarded(port, directory))
  try {
    const seen = await seeJournal(directory, files, clock, { ...options, readOnly: true, anyFormat: true })
    const { core, sight } = seen
    try {
      const state = await fingerprint(files, core.paths)
      const { damage } = await verify(new State(core, sight), reading)
      return { directory, state, format: await saysNothing(files, core.paths), live: seen.live, chores: await choresOf(seen), damage }
    } finally {
      await closeAll([{ close: () => sight.indexes.settle() }, core.handles])
    }
  } catch (error) {
    throw coded(error, 'Looking at', directory)
  }
}

/**
 * Carries a plan out. Resolves with what was written down as lost.
 * @throws JournalError JOURNAL_HISTORY_CHANGED if the journal is not what the plan was made for, JOURNAL_LOCKED, JOURNAL_DISK_FULL, JOURNAL_IO
 */
export async function carryOut<Note>(plan: RepairPlan, options: OpenStore<Note>, reading: SurveyOptions = {}): Promise<Damage[]> {
  const { files = nodeFiles, clock = systemClock } = options
  const { directory, format, damage, chores } = plan
  if (!format && damage.length === 0 && chores.length === 0) return []
  const { store } = await openCommitStore(directory, { ...options, anyFormat: true, locked: () => hold(plan, files, clock) }).catch(
    (error: unknown) => {
      throw inWords(error, directory)
    },
  )
  try {
    return damage.length === 0 ? [] : await store.repair(reading)
  } finally {
    await store.close({ clean: store.recovery.clean })
  }
}

/** With the lock held: the journal is still what the plan says, FORMAT is made good, and what is in the way of opening is removed. */
async function hold({ directory, state, format, chores }: RepairPlan, files: Files, clock: Clock): Promise<void> {
  const paths = new Paths(directory)
  if ((await fingerprint(withPacked(files), paths)) !== state) {
    const message = `${directory} changed since the repair was planned; nothing was done. Plan it again.`
    throw new JournalError('JOURNAL_HISTORY_CHANGED', message, { position: 0 })
  }
  if (format && (await saysNothing(files, paths))) await restoreFormat(files, clock, paths)
  await doChores(guarded(files, directory), paths, chores)
}

async function saysNothing(files: Files, paths: Paths): Promise<boolean> {
  return (await formatState(files, paths, await files.readdir(paths.root))).fault !== undefined
}

function inWords(error: unknown, directory: string): unknown {
  if (!(error instanceof JournalError) || error.code !== 'JOURNAL_LOCKED') return error
  const message = `${directory} is open for writing. Close it, or stop the process that writes to it, and repair then; planning works beside it.`
  return new JournalError('JOURNAL_LOCKED', message, { directory }, { cause: error })
}
