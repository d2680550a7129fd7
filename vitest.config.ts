import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { seed } from './test/support/seed.js'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// What the tests run in processes of their own: test/support/compiled.ts makes it where it is needed first.
const compiled = join(tmpdir(), `turnlog-compiled-${process.pid}`)
process.once('exit', () => rmSync(compiled, { recursive: true, force: true }))

/**
 * What takes longest, and begins before all else: what is left for the end is short, so that no core waits for another. Each has a
 * process of its own, because code that is compiled for one thing is slower at another; the short ones share theirs, which need not
 * load everything again for each.
 */
const LONG = [
  'torture/{kernel,random-lives,exhaustive,io-errors,whole-engine,two-writers,stories,cases,long-life,replays}',
  'storage/{rot,rot-odd,flips,cuts}',
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
    pool: 'forks',
    // One worker less than there are cores, as it would be, is one of two on the machines that have two.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    globals: false,
    testTimeout: 30_000,
    // A tree of copies takes its time to remove where the disk is busy.
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    // Every worker gets the seed of the run, also where it was drawn, and the place of what is compiled once.
    env: { TURNLOG_SEED: String(seed), TURNLOG_COMPILED: compiled },
  },
})
