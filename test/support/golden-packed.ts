/** Golden journals whose sealed segments lie packed. What deflate makes of the same bytes may differ from one zlib to the next. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openJournal, planRepair, repair } from '../../src/index.js'
import { conversation, ticking, type Writers } from './golden.js'

const segments = (directory: string, ending: string): string[] =>
  readdirSync(join(directory, 'journal'))
    .filter((name) => name.endsWith(ending))
    .toSorted()

/** In segments of a few kilobytes, all of them packed but the newest. */
async function write(directory: string, seed: number, streams: readonly string[], compress = true): Promise<void> {
  await using journal = await openJournal(directory, { clock: ticking(seed), segmentBytes: 4000, compress })
  for (const [i, stream] of streams.entries()) await conversation(journal, stream, i + 1)
  while (compress && segments(directory, '.seg').length > 1) await setTimeout(5)
}

export const packedWriters: Writers = {
  sessions: (directory) => write(directory, 21, ['session-1', 'session-2', 'session-3']),

  /** Segments behind packed ones that are not. */
  async mixed(directory) {
    await write(directory, 22, ['session-1', 'session-2'])
    await write(directory, 23, ['session-3', 'session-4'], false)
  },

  /** A packed segment lost its only block, and that is written down. */
  async repaired(directory) {
    await write(directory, 24, ['session-1', 'session-2', 'session-3'])
    const path = join(directory, 'journal', segments(directory, '.segz')[1]!)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0xee, 100, 120))
    const options = { clock: ticking(25), segmentBytes: 4000 }
    await repair(directory, await planRepair(directory, options), options)
    await write(directory, 26, ['session-4'], false)
  },
}
