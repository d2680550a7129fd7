import { rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { compiled } from './test/support/compiled.js'
import { seed } from './test/support/seed.js'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// The sources as they are published: test/support/compiled.ts makes them where they are needed first.
const place = (process.env['TURNLOG_COMPILED'] = join(tmpdir(), `turnlog-compiled-${process.pid}`))
process.once('exit', () => rmSync(place, { recursive: true, force: true }))

/**
 * Tests get the library compiled, and Node loads it: what is tried is what is published, and is a fifth quicker than where a test runner
 * puts itself between the modules. Whoever watches gets it as it is written, because it changes.
 */
function asPublished(): Plugin {
  const here = source('.')
  let watches = false
  return {
    name: 'as-published',
    enforce: 'pre',
    configureVitest: ({ vitest }) => void (watches = vitest.config.watch),
    async resolveId(id, importer) {
      const found = watches ? null : await this.resolve(id, importer, { skipSelf: true })
      const path = found?.id.startsWith(here) ? found.id.slice(here.length) : ''
      return /^(src|projections|upcasters)\/.*\.ts$/.test(path) ? join(compiled(), path.replace(/ts$/, 'js')) : undefined
    },
  }
}

/**
 * What takes longest, and begins before all else: what is left for the end is short, so that no core waits for another. Each has a
 * process of its own, because code that is compiled for one thing is slower at another; the short ones share theirs, which need not
 * load everything again for each.
 */
const LONG = [
  'torture/{kernel,random-lives,exhaustive,io-errors,whole-engine,two-writers,stories,cases,long-life,replays}',
  'storage/{rot,rot-odd,flips,cuts,decoders}',
  'planted/planted',
  'model/model',
  'soak/soak',
  'cli/{commands,export}',
  'cli/import/{again,hostile}',
  'journal/{upgrade,upgrade-disk}',
].map((name) => `test/${name}.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ project }: TestSpecification): boolean => project.name === 'long'
    return [...files.filter(isLong), ...files.filter((file) => !isLong(file))]
  }
}

process.stdout.write(`property tests: TURNLOG_SEED=${seed}\n`)

export default defineConfig({
  plugins: [asPublished()],
  resolve: {
    // Tests may import the package by its name and get its source.
    alias: [
      { find: /^turnlog$/, replacement: source('./src/index.ts') },
      { find: /^turnlog\/(projections|upcasters)$/, replacement: source('./$1/index.ts') },
      { find: /^turnlog\/projections\/([^/]+)$/, replacement: source('./projections/$1.ts') },
    ],
  },
  test: {
    environment: 'node',
    projects: [
      { extends: true, test: { name: 'long', include: LONG } },
      { extends: true, test: { name: 'short', include: ['test/**/*.test.ts'], exclude: LONG, isolate: false } },
    ],
    server: { deps: { external: [/\/turnlog-compiled-/] } },
    pool: 'forks',
    // Half as many again as there are cores: a quarter of the time is spent waiting for disks, and for processes of their own.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    sequence: { sequencer: LongestFirst },
    globals: false,
    testTimeout: 30_000,
    // A tree of copies takes its time to remove where the disk is busy.
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    // Every worker gets the seed of the run, also where it was drawn.
    env: { TURNLOG_SEED: String(seed) },
  },
})
