/** What an event takes on the disk, beside the same event as a line of JSON. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { atMost, type Measure } from '../measure.js'
import { turnlog } from '../stores/turnlog.js'
import { million, realMix } from './shapes.js'
import type { Bench } from '../bench.js'

const JOURNAL = 'turnlog, segments and indexes'
const LINES = 'the same events as JSONL'

export const sizes: readonly Measure[] = [
  row('bytes on disk for each event, in commits of 5', million, 0.92),
  row('bytes on disk for each event, in commits of 5, real mix', realMix, 1),
]

function row(work: string, shape: typeof million, limit: number): Measure {
  return {
    work,
    unit: 'bytes',
    rounds: 1,
    quick: 0,
    runs: (bench: Bench) => [
      { name: JOURNAL, role: 'turnlog', take: async () => perEvent(await bench.history(turnlog, shape(bench)), shape(bench).events) },
      { name: LINES, role: 'reference', take: async () => linesOf(await bench.history(turnlog, shape(bench))) },
    ],
    bars: [atMost(limit, '× JSONL', (m) => m.of(JOURNAL) / m.of(LINES))],
  }
}

async function perEvent(path: string, count: number): Promise<number> {
  const files = await readdir(join(path, 'journal'))
  const bytes = await Promise.all(files.map(async (file) => (await stat(join(path, 'journal', file))).size))
  return bytes.reduce((sum, size) => sum + size, 0) / count
}

async function linesOf(path: string): Promise<number> {
  await using journal = await openJournal(path, { events, upcasters, readOnly: true })
  let bytes = 0
  for await (const event of journal.readAll()) bytes += Buffer.byteLength(JSON.stringify(event)) + 1
  return bytes / journal.head.position
}
