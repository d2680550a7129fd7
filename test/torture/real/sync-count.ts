/** How many syncs and writes an append costs, as the kernel counts them: strace watches sync-count-inside.ts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Inside } from './inside.js'
import type { Found } from './room.js'
import { run } from './volume.js'

/** Groups of each stretch, and moments so slow, on a busy machine, that the writer marks its end meanwhile. */
const GROUPS = 100
const IDLE = 5

/** What is watched, and the file whose opening begins and ends a stretch. */
const WATCHED = ['fdatasync', 'fsync', 'pwrite64', 'openat'] as const
const MARK = /openat\(.*"\/turnlog-(\w+)"/

export async function syncCount(inside: Inside): Promise<Found> {
  const trace = join(inside.programs, 'trace')
  const script = join(inside.programs, 'test/torture/real/sync-count-inside.js')
  run('strace', '-f', '-qq', '-e', `trace=${WATCHED.join()}`, '-o', trace, process.execPath, script, join(inside.programs, 'counted'))
  const counts: Found['counts'] = {}
  let stretch: string | undefined
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const mark = MARK.exec(line)?.[1]
    if (mark !== undefined) stretch = mark === 'end' ? undefined : mark
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1]
    if (stretch === undefined || mark !== undefined || call === undefined) continue
    const name = `${call}, ${stretch}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  const faults: string[] = []
  const expect = (name: string, count: number, most = count): void => {
    const is = counts[name] ?? 0
    if (is < count || is > most) faults.push(`${name}: ${is}, not ${count}`)
  }
  expect('fdatasync, alone', GROUPS, GROUPS + IDLE)
  expect('fdatasync, together', GROUPS, GROUPS + IDLE)
  expect('fsync, alone', 0)
  expect('fsync, together', 0)
  return { rounds: 1, counts, faults }
}
