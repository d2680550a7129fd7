/** What an event takes on the disk, beside the same event as a line of JSON. */
import { existsSync } from 'node:fs'
import { cp, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { importSources } from '../../src/cli/import/run.js'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { atMost, type Bar, type Measure } from '../measure.js'
import { turnlog } from '../stores/turnlog.js'
import { million, realMix } from './shapes.js'
import type { Bench } from '../bench.js'

const JOURNAL = 'turnlog, segments and indexes'
const LINES = 'the same events as JSONL'

/** Sessions of other programs, where somebody has put them beside the repository. */
const TRANSCRIPTS = resolve('../shared/data/agents')

type Directory = (bench: Bench) => Promise<string>

const written =
  (shape: typeof million): Directory =>
  (bench) =>
    bench.history(turnlog, shape(bench))

export const sizes: readonly Measure[] = [
  row('bytes on disk for each event, in commits of 5', written(million), [bar(0.92)]),
  row('bytes on disk for each event, in commits of 5, real mix', written(realMix), [bar(1)]),
  row('bytes on disk for each event, sealed segments compressed, real mix', packed(written(realMix)), []),
  ...(existsSync(TRANSCRIPTS)
    ? [row('bytes on disk for each event, sealed segments compressed, real transcripts', packed(transcripts), [bar(0.35)])]
    : []),
]

function bar(limit: number): Bar {
  return atMost(limit, '× JSONL', (m) => m.of(JOURNAL) / m.of(LINES))
}

function row(work: string, directory: Directory, bars: readonly Bar[]): Measure {
  return {
    work,
    unit: 'bytes',
    rounds: 1,
    quick: 0,
    runs(bench) {
      let made: Promise<string> | undefined
      const place = (): Promise<string> => (made ??= directory(bench))
      return [
        { name: JOURNAL, role: 'turnlog', take: async () => perEvent(await place()) },
        { name: LINES, role: 'reference', take: async () => linesOf(await place()) },
      ]
    },
    bars,
  }
}

function transcripts(bench: Bench): Promise<string> {
  return bench.make(async (directory) => void (await importSources({ directory, sources: [TRANSCRIPTS] })))
}

/** The same journal, once all its sealed segments are compressed. */
function packed(from: Directory): Directory {
  return async (bench) => {
    const path = await from(bench)
    return bench.make(async (directory) => {
      await cp(path, directory, { recursive: true })
      const journal = await openJournal(directory, { events, upcasters, compress: true })
      while ((await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.seg')).length > 1) await setTimeout(50)
      await journal.close()
    })
  }
}

async function perEvent(path: string): Promise<number> {
  const files = await readdir(join(path, 'journal'))
  const bytes = await Promise.all(files.map(async (file) => (await stat(join(path, 'journal', file))).size))
  await using journal = await openJournal(path, { events, upcasters, readOnly: true })
  return bytes.reduce((sum, size) => sum + size, 0) / journal.head.position
}

async function linesOf(path: string): Promise<number> {
  await using journal = await openJournal(path, { events, upcasters, readOnly: true })
  let bytes = 0
  for await (const event of journal.readAll()) bytes += Buffer.byteLength(JSON.stringify(event)) + 1
  return bytes / journal.head.position
}
