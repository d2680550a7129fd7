/** What can happen to the files of a journal that lies on a disk for long, or in the wrong hands. */
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import type { Chance } from '../chance.js'
import { DIRECTORY } from './golden.js'

const SECTORS = [512, 4096]

/** Files that may come into the place of ours: as they were before, and those of another journal. */
export interface Strangers {
  older: MemoryFiles
  foreign: MemoryFiles
}

type Mutation = (files: MemoryFiles, path: string, chance: Chance, strangers: Strangers) => string

const mutations: Mutation[] = [flip, flip, flip, burst, blank, misdirect, misdirect, cut, grow, remove, double, swap, rename, exchange]

/** Hurts the files in one to three ways; returns what was done, and which files it concerned. */
export function mutate(files: MemoryFiles, chance: Chance, strangers: Strangers): { what: string; paths: Set<string> } {
  const done: string[] = []
  const paths = new Set<string>()
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const there = [...files.inodes.keys()].toSorted()
    if (there.length === 0) break
    const segments = there.filter((path) => path.endsWith('.seg'))
    const path = chance.oneIn(3) || segments.length === 0 ? chance.one(there) : chance.one(segments)
    done.push(`${path}: ${chance.one(mutations)(files, path, chance, strangers)}`)
    paths.add(path)
    for (const now of files.inodes.keys()) if (!there.includes(now)) paths.add(now)
    for (const before of there) if (!files.inodes.has(before) || done.at(-1)?.includes(before) === true) paths.add(before)
  }
  return { what: done.join('; '), paths }
}

/** The bytes of a file, in a copy that takes their place. */
function own(files: MemoryFiles, path: string): Buffer {
  const bytes = Buffer.from(files.inodes.get(path)?.bytes ?? [])
  files.inodes.set(path, { bytes, lock: undefined })
  return bytes
}

function flip(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  if (bytes.length === 0) return 'empty as it was'
  const bit = chance.below(bytes.length * 8)
  bytes[bit >> 3]! ^= 1 << (bit & 7)
  return `bit ${bit} turned over`
}

function burst(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  const at = chance.below(bytes.length + 1)
  chance.bytes(Math.min(1 + chance.below(64), bytes.length - at)).copy(bytes, at)
  return `garbage at ${at}`
}

function blank(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  const sector = chance.one(SECTORS)
  const at = chance.below(Math.ceil(bytes.length / sector)) * sector
  const garbage = chance.oneIn(2)
  if (garbage) chance.bytes(Math.min(sector, bytes.length - at)).copy(bytes, at)
  else bytes.subarray(at, at + sector).fill(0)
  return `${sector} bytes of ${garbage ? 'garbage' : 'zeros'} at ${at}`
}

/** A sector's content at the place of another, in the same file or another one. */
function misdirect(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  const sector = chance.one(SECTORS)
  const source = chance.oneIn(2) ? path : chance.one([...files.inodes.keys()].toSorted())
  const from = files.inodes.get(source)?.bytes as Buffer
  const start = chance.below(Math.ceil(from.length / sector)) * sector
  const at = chance.below(Math.ceil(bytes.length / sector)) * sector
  Buffer.from(from.subarray(start, start + sector)).copy(bytes, at)
  return `${sector} bytes at ${at} from ${start} of ${source}`
}

function cut(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  const length = chance.below(bytes.length + 1)
  files.inodes.set(path, { bytes: bytes.subarray(0, length), lock: undefined })
  return `cut to ${length}`
}

function grow(files: MemoryFiles, path: string, chance: Chance): string {
  const bytes = own(files, path)
  const length = 1 + chance.below(2000)
  const more = chance.oneIn(2) ? Buffer.alloc(length) : chance.bytes(length)
  files.inodes.set(path, { bytes: Buffer.concat([bytes, more]), lock: undefined })
  return `${length} bytes more`
}

function remove(files: MemoryFiles, path: string): string {
  files.inodes.delete(path)
  return 'deleted'
}

/** A segment's name that is taken, free, or makes no sense. */
function someName(chance: Chance): string {
  const number = chance.one([0, 1, 2, 3, 6, 7, 9, 50, 90_000_000])
  return `${DIRECTORY}/journal/${String(number).padStart(8, '0')}-${String(chance.one([1, 2, 30, 36, 100, 139, 140, 5000])).padStart(12, '0')}.seg`
}

function double(files: MemoryFiles, path: string, chance: Chance): string {
  const to = someName(chance)
  files.inodes.set(to, { bytes: Buffer.from(own(files, path)), lock: undefined })
  return `once more as ${to}`
}

function rename(files: MemoryFiles, path: string, chance: Chance): string {
  const to = someName(chance)
  const bytes = own(files, path)
  files.inodes.delete(path)
  files.inodes.set(to, { bytes, lock: undefined })
  return `renamed to ${to}`
}

function swap(files: MemoryFiles, path: string, chance: Chance): string {
  const other = chance.one([...files.inodes.keys()].toSorted())
  const bytes = own(files, path)
  files.inodes.set(path, { bytes: own(files, other), lock: undefined })
  files.inodes.set(other, { bytes, lock: undefined })
  return `swapped with ${other}`
}

/** The file as it was before, or that of another journal. */
function exchange(files: MemoryFiles, path: string, chance: Chance, { older, foreign }: Strangers): string {
  const old = chance.oneIn(2)
  const bytes = (old ? older : foreign).inodes.get(path)?.bytes
  if (bytes === undefined) return 'as it was'
  files.inodes.set(path, { bytes: Buffer.from(bytes), lock: undefined })
  return old ? 'as it was before' : 'that of another journal'
}
