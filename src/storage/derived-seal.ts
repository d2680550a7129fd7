/**
 * What vouches for a closed derived store: one file that names every file of it with length and checksum. LevelDB loses keys
 * without a word, or ends the process, where a bit of its files is turned over; so it sees no file that is not as it left it.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock, Files } from './files.js'
import { chunksOf, placeFile, readFully, writeFully } from './io.js'

const SEAL = 'closed'
const SEAL_BYTES_MAX = 1 << 20
/** What LevelDB keeps data in. Its log of what it did and its lock say nothing. */
const DATA = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/

/** Vouches for the files as they are now. */
export async function seal(files: Files, clock: Clock, directory: string): Promise<void> {
  const text = await summary(files, directory)
  await placeFile(files, clock, join(directory, SEAL), (file, temporary) => writeFully(file, Buffer.from(text), 0, temporary))
}

/** What the voucher is worth: nothing is vouched for, all is as it was, or something changed. */
export async function sealOf(files: Files, directory: string): Promise<'none' | 'whole' | 'changed'> {
  const path = join(directory, SEAL)
  if (files.stat(path) === undefined) return 'none'
  return (await read(files, path)) === (await summary(files, directory)) ? 'whole' : 'changed'
}

/** Takes the voucher away: before anything is written, so that no writer's crash leaves it standing. */
export async function unseal(files: Files, directory: string): Promise<void> {
  const path = join(directory, SEAL)
  if (files.stat(path) === undefined) return
  await files.unlink(path)
  await files.syncDir(directory)
}

async function summary(files: Files, directory: string): Promise<string> {
  const names = (await files.readdir(directory)).filter((name) => DATA.test(name)).toSorted()
  const lines: string[] = []
  for (const name of names) lines.push(`${name} ${await sumOf(files, join(directory, name))}`)
  const text = lines.join('\n')
  return `${text}\n${crc32(text)}\n`
}

async function sumOf(files: Files, path: string): Promise<string> {
  const file = await files.open(path, 'r')
  try {
    let crc = 0
    let length = 0
    for await (const { chunk } of chunksOf(file, 0, await file.size())) {
      crc = crc32(chunk, crc)
      length += chunk.length
    }
    return `${length} ${crc}`
  } finally {
    await file.close()
  }
}

async function read(files: Files, path: string): Promise<string> {
  const file = await files.open(path, 'r')
  try {
    // One that is longer than its files' names would need is not as it was written.
    const bytes = Buffer.allocUnsafe(Math.min(await file.size(), SEAL_BYTES_MAX))
    return bytes.toString('utf8', 0, await readFully(file, bytes, 0))
  } finally {
    await file.close()
  }
}
