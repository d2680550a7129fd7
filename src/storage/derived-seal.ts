/**
 * What vouches for a closed derived store: one file that names every file of it with length and checksum. LevelDB loses keys
 * without a word, or ends the process, where a bit of its files is turned over; so it sees no file that is not as it left it.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock, Files } from './files.js'
import { chunksOf, placeFile, readFully, writeFully } from './io.js'

const SEAL = 'closed'
const SEAL_BYTES_MAX = 4 << 20
/** What LevelDB keeps data in. Its log of what it did and its lock say nothing. */
const DATA = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/
/** Those that LevelDB writes once and never again. */
const TABLE = /\.(ldb|sst)$/
/** Of tables that nobody has touched since, how much is read at an open all the same. */
const SAMPLE_BYTES = 4 << 20

/** A file as it was when it was vouched for. */
interface Vouched {
  length: number
  crc: number
  stamp: string
}

export interface Seal {
  /** Whether nothing is vouched for, all is as it was, or something changed. */
  worth: 'none' | 'whole' | 'changed'
  files: ReadonlyMap<string, Vouched>
}

const NO_FILES: Seal['files'] = new Map()

/** Vouches for the files as they are now. Tables that `known` vouches for, and nobody has touched since, are not read again. */
export async function seal(files: Files, clock: Clock, directory: string, known: Seal['files']): Promise<void> {
  const lines: string[] = []
  for (const name of await dataIn(files, directory)) {
    const path = join(directory, name)
    const stamp = stampOf(files, path)
    const before = TABLE.test(name) ? known.get(name) : undefined
    const { length, crc } = before !== undefined && before.stamp === stamp ? before : await sumOf(files, path)
    lines.push(`${name} ${length} ${crc} ${stamp}`)
  }
  const text = lines.join('\n')
  const bytes = Buffer.from(`${text}\n${crc32(text)}\n`)
  await placeFile(files, clock, join(directory, SEAL), (file, temporary) => writeFully(file, bytes, 0, temporary))
}

/**
 * What the voucher is worth. Every file is read, but of tables that nobody has touched since no more than a sample, another one each
 * time, so that it takes no longer the more there is. `clock` chooses it; without one, all is read.
 */
export async function sealOf(files: Files, directory: string, clock?: Clock): Promise<Seal> {
  const path = join(directory, SEAL)
  if (files.stat(path) === undefined) return { worth: 'none', files: NO_FILES }
  const said = parse(await read(files, path))
  const names = await dataIn(files, directory)
  if (said === undefined || names.join() !== [...said.keys()].join()) return { worth: 'changed', files: NO_FILES }
  const spared = clock === undefined ? new Set<string>() : sparedOf(files, directory, said, clock)
  for (const [name, { length, crc }] of said) {
    if (spared.has(name)) continue
    const found = await sumOf(files, join(directory, name))
    if (found.length !== length || found.crc !== crc) return { worth: 'changed', files: NO_FILES }
  }
  return { worth: 'whole', files: said }
}

/** Takes the voucher away: before anything is written, so that no writer's crash leaves it standing. */
export async function unseal(files: Files, directory: string): Promise<void> {
  const path = join(directory, SEAL)
  if (files.stat(path) === undefined) return
  await files.unlink(path)
  await files.syncDir(directory)
}

/** Untouched tables that are not in the sample, which goes on from one that is drawn. */
function sparedOf(files: Files, directory: string, said: Seal['files'], clock: Clock): Set<string> {
  const untouched = [...said].filter(
    ([name, { stamp }]) => TABLE.test(name) && stamp !== '' && stampOf(files, join(directory, name)) === stamp,
  )
  const first = untouched.length === 0 ? 0 : Buffer.from(clock.random(4)).readUInt32LE() % untouched.length
  const spared = new Set<string>()
  let left = SAMPLE_BYTES
  for (const [name, { length }] of [...untouched.slice(first), ...untouched.slice(0, first)]) {
    if (left <= 0) spared.add(name)
    left -= length
  }
  return spared
}

function stampOf(files: Files, path: string): string {
  return files.stat(path)?.stamp ?? ''
}

async function dataIn(files: Files, directory: string): Promise<string[]> {
  return (await files.readdir(directory)).filter((name) => DATA.test(name)).toSorted()
}

/** The files that a voucher names; undefined if it is not as it was written. */
function parse(text: string): Seal['files'] | undefined {
  const end = text.lastIndexOf('\n', text.length - 2)
  const body = text.slice(0, end)
  if (end < 0 || text.slice(end) !== `\n${crc32(body)}\n`) return undefined
  const lines = body.split('\n').filter((line) => line !== '')
  return new Map(
    lines.map((line) => {
      const [name = '', length, crc, stamp = ''] = line.split(' ')
      return [name, { length: Number(length), crc: Number(crc), stamp }]
    }),
  )
}

async function sumOf(files: Files, path: string): Promise<{ length: number; crc: number }> {
  const file = await files.open(path, 'r')
  try {
    let crc = 0
    let length = 0
    for await (const { chunk } of chunksOf(file, 0, await file.size())) {
      crc = crc32(chunk, crc)
      length += chunk.length
    }
    return { length, crc }
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
