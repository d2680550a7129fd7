/** Where derived state lies: beside the journal for its writer; for a reader, who may change nothing there, in a temporary place. */
import { join } from 'node:path'
import { temporaryDirectory } from './node-files.js'

export interface DerivedPlace {
  directory: string
  /** Removes what was only temporary. */
  leave(): Promise<void>
}

export async function derivedPlace(journal: string, readOnly: boolean): Promise<DerivedPlace> {
  if (!readOnly) return { directory: join(journal, 'derived'), leave: async () => undefined }
  const { directory, remove } = await temporaryDirectory()
  return { directory: join(directory, 'derived'), leave: remove }
}
