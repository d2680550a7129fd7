/** A journal in memory, and ways to damage it. */
import { basename } from 'node:path'
import { Appending, event, openStore } from './journal.js'
import { MemoryFiles } from './memory-files.js'

export const DIRECTORY = '/journal'
export const SEGMENT_BYTES = 700

/** Segments of two or three groups, the last of them active, of two streams each; closed in order. */
export async function wholeJournal(groups = 10): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
  const writer = new Appending(store)
  for (let n = 0; n < groups; n++)
    await Promise.all([writer.now('s0', [event(n)], { commitId: `c${n}` }), writer.now('s1', [event(n + 100)])])
  await store.close()
  return files
}

export function namesOf(files: MemoryFiles, ending: string): string[] {
  return [...files.inodes.keys()].filter((path) => path.endsWith(ending)).toSorted()
}

export function bytesOf(files: MemoryFiles, path: string): Buffer {
  const inode = files.inodes.get(path)
  if (inode === undefined) throw new Error(`${path} is not there`)
  return inode.bytes
}

/** Changes a copy of a file's bytes, so that no other journal's file changes with it. */
export function change(files: MemoryFiles, path: string, how: (bytes: Buffer) => Buffer | void): void {
  const bytes = Buffer.from(bytesOf(files, path))
  files.inodes.set(path, { bytes: how(bytes) ?? bytes, lock: undefined })
}

/** Offset of the nth frame of a segment. */
export function frameAt(bytes: Buffer, n: number): number {
  let at = -1
  for (let i = 0; i <= n; i++) at = bytes.indexOf('TLF1', at + 1)
  if (at < 0) throw new Error(`there is no frame ${n}`)
  return at
}

/** Where the last byte that is not zero ends. */
export function contentEnd(bytes: Buffer): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1
}

/** Ways to damage the nth segment, by name. */
export const damages: Record<string, (files: MemoryFiles, segment: string) => void> = {
  'a bit of a payload': (files, segment) => change(files, segment, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1)),
  'a bit of a frame header': (files, segment) => change(files, segment, (bytes) => void (bytes[frameAt(bytes, 1) + 20]! ^= 1)),
  'a bit of the segment header': (files, segment) => change(files, segment, (bytes) => void (bytes[20]! ^= 1)),
  'a sector of zeros': (files, segment) => change(files, segment, (bytes) => void bytes.fill(0, 128, 240)),
  'all but its beginning': (files, segment) => change(files, segment, (bytes) => bytes.subarray(0, 200)),
  'the whole file': (files, segment) => void files.inodes.delete(segment),
}

/** Everything but what the opener of a journal writes for itself, as text to compare. */
export function image(files: MemoryFiles): Record<string, string> {
  const own = /^(LOCK|head|epoch-\d+)$/
  return Object.fromEntries(
    [...files.inodes].filter(([path]) => !own.test(basename(path))).map(([path, { bytes }]) => [path, bytes.toString('base64')]),
  )
}
