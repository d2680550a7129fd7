/** How the compiled tests run in a copy of the sources that may have a mutant in it: in one process, in the order that they are named in. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const named = process.argv.filter((word) => word.endsWith('.test.js'))

class AsNamed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => named.findIndex((name) => moduleId.endsWith(name))
    return files.toSorted((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/**/*.test.js'],
    // Nothing but the tests themselves is for the runner to transform: Node loads the rest, once for all of them.
    server: { deps: { external: [/\/(src|projections|upcasters|test)\/(?!.*\.test\.js$)/] } },
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    sequence: { sequencer: AsNamed },
    // Marked sources take their time.
    testTimeout: process.env['TURNLOG_MET'] === undefined ? 30_000 : 600_000,
    hookTimeout: 600_000,
    restoreMocks: true,
  },
})
