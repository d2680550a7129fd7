/**
 * What vouches for a derived store as it was when it was closed: one file that names every file of it with length and checksum. LevelDB
 * loses keys without a word, or ends the process, where a bit of its files is turned over; so it sees no file that is not as it left it.
 *
 * LevelDB writes no file again that it found when it was opened. So a second name for each of them keeps the store as it was at its
 * last close, its base, which stands in for it where whoever opened it next has died.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock, Files } from './files.js'
import { chunksOf, placeFile, readFully, removeFile, writeFully } from './io.js'

const SEAL = 'closed'
/** The same of a store that was opened since: it vouches for the base. */
const BASE_SEAL = 'base'
const BASE = /^base-(.+)$/
const baseOf = (name: string): string => `base-${name}`
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

/** Vouches for the files as they are now, and keeps them. Tables that `known` vouches for, and nobody has touched since, are not read again. */
export async function seal(files: Files, clock: Clock, directory: string, known: Seal['files']): Promise<Seal['files']> {
  const names = await dataIn(files, directory)
  for (const name of names) if (files.stat(join(directory, baseOf(name))) === undefined) await keep(files, directory, name)
  const found = new Map<string, Vouched>()
  for (const name of names) {
    const path = join(directory, name)
    const stamp = stampOf(files, path)
    const before = TABLE.test(name) ? known.get(name) : undefined
    found.set(name, before !== undefined && before.stamp === stamp ? before : { ...(await sumOf(files, path)), stamp })
  }
  const text = [...found].map(([name, { length, crc, stamp }]) => `${name} ${length} ${crc} ${stamp}`).join('\n')
  const bytes = Buffer.from(`${text}\n${crc32(text)}\n`)
  await placeFile(files, clock, join(directory, SEAL), (file, temporary) => writeFully(file, bytes, 0, temporary))
  // Only now, so that a death before leaves the last base whole: what LevelDB wrote under a name that was there.
  for (const name of names) {
    if (stampOf(files, join(directory, baseOf(name))) === stampOf(files, join(directory, name))) continue
    await removeFile(files, join(directory, baseOf(name)))
    await keep(files, directory, name)
  }
  return found
}

const keep = (files: Files, directory: string, name: string): Promise<void> =>
  files.link(join(directory, name), join(directory, baseOf(name)))

/**
 * What the voucher is worth. Every file is read, but of tables that nobody has touched since no more than a sample, another one each
 * time, so that it takes no longer the more there is. `clock` chooses it; without one, all is read.
 */
export function sealOf(files: Files, directory: string, clock?: Clock): Promise<Seal> {
  return worthOf(files, directory, SEAL, (name) => name, clock)
}

async function worthOf(files: Files, directory: string, voucher: string, placed: (name: string) => string, clock?: Clock): Promise<Seal> {
  const path = join(directory, voucher)
  if (files.stat(path) === undefined) return { worth: 'none', files: NO_FILES }
  const said = parse(await read(files, path))
  if (said === undefined || (voucher === SEAL && (await dataIn(files, directory)).join() !== [...said.keys()].join()))
    return { worth: 'changed', files: NO_FILES }
  const spared = clock === undefined ? new Set<string>() : sparedOf(files, directory, said, placed, clock)
  for (const [name, { length, crc }] of said) {
    const at = join(directory, placed(name))
    if (spared.has(name)) continue
    if (files.stat(at) === undefined) return { worth: 'changed', files: NO_FILES }
    const found = await sumOf(files, at)
    if (found.length !== length || found.crc !== crc) return { worth: 'changed', files: NO_FILES }
  }
  return { worth: 'whole', files: said }
}

/** Lets the voucher speak for the base alone: before anything is written, so that no writer's crash leaves it standing. */
export async function unseal(files: Files, directory: string): Promise<void> {
  const path = join(directory, SEAL)
  if (files.stat(path) === undefined) return
  await files.rename(path, join(directory, BASE_SEAL))
  await files.syncDir(directory)
  const said = parse(await read(files, join(directory, BASE_SEAL)))
  for (const name of await files.readdir(directory)) {
    const [, of] = BASE.exec(name) ?? []
    if (of !== undefined && said?.has(of) !== true) await removeFile(files, join(directory, name))
  }
}

/** Puts the base in the place of files that nothing vouches for, and says what vouches for it; undefined where it is not whole. */
export async function fromBase(files: Files, directory: string, clock: Clock): Promise<Seal['files'] | undefined> {
  const base = await worthOf(files, directory, BASE_SEAL, baseOf, clock)
  if (base.worth !== 'whole') return undefined
  for (const name of await dataIn(files, directory)) await removeFile(files, join(directory, name))
  for (const name of base.files.keys()) await files.link(join(directory, baseOf(name)), join(directory, name))
  return base.files
}

/** Untouched tables that are not in the sample, which goes on from one that is drawn. */
function sparedOf(files: Files, directory: string, said: Seal['files'], placed: (name: string) => string, clock: Clock): Set<string> {
  const untouched = [...said].filter(
    ([name, { stamp }]) => TABLE.test(name) && stamp !== '' && stampOf(files, join(directory, placed(name))) === stamp,
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
