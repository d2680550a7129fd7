/**
 * Transcripts that other programs left behind, for tests of the importers. They are not part of this repository: they
 * lie beside it where somebody has put them, and tests that need them skip by name where they are absent.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { root } from './root.js'

/** Where the data lies if it is there. */
export const sharedData = join(root, '..', 'shared', 'data')

/** A suite over the shared data: `suite` gets its directory. Without the data one skipped test says why. */
export function describeWithSharedData(name: string, suite: (directory: string) => void): void {
  describe(name, () => {
    if (existsSync(sharedData)) suite(sharedData)
    else test('needs ../shared/data beside the repository', ({ skip }) => skip('it is not there'))
  })
}
