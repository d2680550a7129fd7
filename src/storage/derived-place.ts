/** Where derived state lives: the writer's in the journal's directory, a reader's in a directory of its own that goes with it. */
import { join } from 'node:path'
import type { DerivedStores } from './derived-store.js'
import type { Clock, Files } from './files.js'
import { levelStores } from './level-store.js'
import { nodeFiles, removeTemporary, temporaryDirectory } from './node-files.js'

export interface DerivedPlace {
  stores: DerivedStores
  directory: string
  /** Removes what was only borrowed. */
  leave(): Promise<void>
}

export function derivedPlace(
  directory: string,
  files: Files,
  clock: Clock,
  options: { readOnly?: boolean; derived?: DerivedStores },
): DerivedPlace {
  const stores = options.derived ?? levelStores(options.derived === undefined && options.readOnly === true ? nodeFiles : files, clock)
  if (options.readOnly !== true) return { stores, directory: join(directory, 'derived'), leave: async () => {} }
  let borrowed: string | undefined
  return {
    stores,
    get directory() {
      borrowed ??= temporaryDirectory()
      return borrowed
    },
    leave: async () => {
      if (borrowed !== undefined) await removeTemporary(borrowed)
    },
  }
}
