/** Files that somebody else owns: found, looked at and read, never touched. */
import { lstat, open, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'

export interface SourceFile {
  /** As the person named it, or below the directory that was named. */
  path: string
  name: string
  bytes: number
  /** When it was last changed, in milliseconds since 1970. */
  changedAt: number
}

/** A thing that stands where a file could, and is none that can be read. */
export interface NoFile {
  path: string
  reason: string
}

/** Every file below a path, in the order of their names; links are not followed, and what is no file is said to be so. */
export async function filesBelow(path: string): Promise<(SourceFile | NoFile)[]> {
  const found: (SourceFile | NoFile)[] = []
  const pending = [path]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const here = next
    const stat = await lstat(here)
    if (stat.isDirectory()) {
      const names = await readdir(here)
      pending.push(
        ...names
          .toSorted()
          .toReversed()
          .map((name) => join(here, name)),
      )
    } else if (stat.isFile()) {
      found.push({ path: here, name: basename(resolve(here)), bytes: stat.size, changedAt: Math.round(stat.mtimeMs) })
    } else {
      found.push({ path: here, reason: stat.isSymbolicLink() ? 'a symbolic link, which is not followed' : 'no regular file' })
    }
  }
  return found
}

/** Whether a file is a database, for an importer that knows it is one of its own: what is no text by its name. */
export const isDatabase = ({ name }: SourceFile): boolean => !/\.(json|jsonl|ndjson|bak|importing|migrated|flag)$/.test(name)

const CHUNK_BYTES = 256 * 1024
/** A small file takes little memory; one that has grown since it was looked at is read in pieces of this at least. */
const LEAST_BYTES = 4096

/**
 * The file's bytes in chunks, each only until the next is asked for: all of them are read into the same memory. A new piece of memory
 * for each would lie around until somebody collects it, and of a large file many do at once.
 */
export async function* chunksOf({ path, bytes }: SourceFile): AsyncGenerator<Buffer, void, undefined> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(bytes, LEAST_BYTES)))
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/** The first bytes of a file. */
export async function headOf({ path }: Pick<SourceFile, 'path'>, bytes: number): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    const { bytesRead } = await handle.read(buffer, 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
