/** Hurts files that LevelDB keeps data in: bits, bytes, lengths, whole files. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Chance } from '../chance.js'

/** Says what was done. */
export function hurtLevel(directory: string, chance: Chance): string {
  const done: string[] = []
  for (let left = 1 + chance.below(2); left > 0; left--) {
    const files = readdirSync(directory).filter((name) => /^(\d+\.|MANIFEST|CURRENT)/.test(name))
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
