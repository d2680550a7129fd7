/** Opens a journal: looks first, asks whether it may, and only then touches anything. */
import type { CommitStore, StoreRecovery } from './commit-store.js'
import type { Clock, Files } from './files.js'
import { Follow } from './follow.js'
import { guarded } from './guard.js'
import { coded, giveUp } from './io.js'
import { epochsOf } from './lock.js'
import { blockingFiles, nodeFiles } from './node-files.js'
import { withPacked } from './packed-files.js'
import { FORMAT } from './paths.js'
import { warningsOf } from './place.js'
import { admit, seeJournal, unprovenBytes, type OpenStore } from './see.js'
import { SegmentStore } from './segment-store.js'
import { State } from './state.js'
import { systemClock } from './system-clock.js'
import { takeOver } from './take-over.js'

export { Succession } from './succession.js'
export { derivedPlace, type DerivedPlace } from './derived-place.js'
export type { OpenStore } from './see.js'

export interface OpenedStore<Note> {
  store: CommitStore<Note>
  files: Files
  clock: Clock
}

export async function openCommitStore<Note>(directory: string, options: OpenStore<Note>): Promise<OpenedStore<Note>> {
  const { files: port = options.blocking === true ? blockingFiles : nodeFiles, clock = systemClock } = options
  const files = withPacked(guarded(port, directory))
  const open = options.readOnly === true ? openToRead<Note> : takeOver<Note>
  try {
    return { store: await open(directory, files, clock, options), files, clock }
  } catch (error) {
    throw coded(error, 'Opening', directory)
  }
}

async function openToRead<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<CommitStore<Note>> {
  const seen = await seeJournal(directory, files, clock, options)
  const { core, sight, live } = seen
  try {
    admit(directory, seen.sight, options)
    const state = new State(core, sight)
    const follow = new Follow(state)
    follow.start()
    const recovery: StoreRecovery = {
      format: FORMAT,
      packed: seen.packed,
      epoch: Math.max(0, ...epochsOf(seen.names)),
      tornBytes: 0,
      unproven: unprovenBytes(sight),
      damage: sight.damage,
      clean: sight.clean,
      liveWriter: live,
      warnings: warningsOf(files, directory),
    }
    return new SegmentStore(state, { follow }, recovery)
  } catch (error) {
    return giveUp(error, [core.handles])
  }
}
