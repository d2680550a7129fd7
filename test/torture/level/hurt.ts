/** Hurts LevelDB's files, the second names that keep them as they were, and what vouches for either: bits, bytes, lengths, whole files; and snapshots. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seal } from '../../../src/storage/derived-seal.js'
import { nodeFiles } from '../../../src/storage/node-files.js'
import { systemClock } from '../../../src/storage/system-clock.js'
import type { Chance } from '../chance.js'

const KEPT = /^(base-)?(\d+\.|MANIFEST|CURRENT)|^(closed|base|opening|unclean-\d+)$/
const TABLE = /^\d+\.(ldb|sst)$/

/** Says what was done. */
export function hurtLevel(directory: string, chance: Chance): string {
  const done: string[] = []
  for (let left = 1 + chance.below(2); left > 0; left--) {
    const files = readdirSync(directory).filter((name) => KEPT.test(name))
    if (files.length === 0) break
    const name = chance.one(files)
    done.push(`${name} ${hurt(join(directory, name), directory, files, chance)}`)
  }
  // The voucher for a closed store would keep LevelDB from all of it; mostly it is gone too.
  if (!chance.oneIn(4)) {
    rmSync(join(directory, 'closed'), { force: true })
    done.push('closed deleted')
  }
  return done.join(', ')
}

/**
 * Hurts a table as a disk does that loses bits unasked, and vouches for it as it is now: what an open takes for untouched when its
 * sample does not come to that table. Says what was done, and how to take it back.
 */
export async function rotTable(directory: string, chance: Chance): Promise<{ what: string; takeBack: () => void }> {
  const name = chance.one(readdirSync(directory).filter((one) => TABLE.test(one)))
  const path = join(directory, name)
  const before = readFileSync(path)
  const bytes = Buffer.from(before)
  const at = chance.below(bytes.length)
  const garbage = chance.oneIn(4)
  if (garbage) chance.bytes(Math.min(64, bytes.length - at)).copy(bytes, at)
  else bytes[at]! ^= 1 << chance.below(8)
  writeFileSync(path, bytes)
  rmSync(join(directory, 'closed'))
  await seal(nodeFiles, systemClock, directory, new Map())
  return {
    what: `${name} ${garbage ? `garbage at ${at}` : `bit of byte ${at} turned over`}, and vouched for`,
    takeBack: () => existsSync(path) && writeFileSync(path, before),
  }
}

/** Turns over a bit of a snapshot. Says what was done. */
export function hurtSnapshot(directory: string, chance: Chance): string {
  const name = chance.one(readdirSync(directory))
  const bytes = readFileSync(join(directory, name))
  const at = chance.below(bytes.length)
  bytes[at]! ^= 1 << chance.below(8)
  writeFileSync(join(directory, name), bytes)
  return `, ${name} bit of byte ${at} turned over`
}

function hurt(path: string, directory: string, files: readonly string[], chance: Chance): string {
  const bytes = readFileSync(path)
  const at = chance.below(bytes.length + 1)
  switch (chance.below(8)) {
    case 0:
      writeFileSync(path, bytes.subarray(0, at))
      return `cut to ${at}`
    case 1:
      rmSync(path)
      return 'deleted'
    case 2:
      writeFileSync(path, readFileSync(join(directory, chance.one(files))))
      return 'holds another'
    case 3:
      chance.bytes(Math.min(64, bytes.length - at)).copy(bytes, at)
      writeFileSync(path, bytes)
      return `garbage at ${at}`
    default:
      if (at < bytes.length) bytes[at]! ^= 1 << chance.below(8)
      writeFileSync(path, bytes)
      return `bit of byte ${at} turned over`
  }
}
