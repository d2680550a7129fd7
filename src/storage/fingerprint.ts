/** A journal's directory as one hash, so that what was decided about it can be held to what is there. */
import { createHash } from 'node:crypto'
import { ioError } from '../errors.js'
import type { Files } from './files.js'
import { hasCode, hashOf } from './io.js'
import { parseSegment, type Paths } from './paths.js'
import { namesIn } from './segments.js'

/** Of the head file and every segment: name, and every byte. What is derived is left out. */
export async function fingerprint(files: Files, paths: Paths): Promise<string> {
  const hash = createHash('sha256')
  const segments = (await namesIn(files, paths.journal)).map(parseSegment).filter((name) => name !== undefined)
  const sorted = segments.map((segment) => [segment.name, paths.segment(segment)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, path] of [['head', paths.head] as const, ...sorted]) {
    const content = await contentHash(files, path)
    if (content !== undefined) hash.update(`${name} ${content}\n`)
  }
  return hash.digest('hex')
}

/** Undefined if the file is not there. */
async function contentHash(files: Files, path: string): Promise<string | undefined> {
  try {
    const file = await files.open(path, 'r')
    try {
      return (await hashOf(file, 0, await file.size())).toString('hex')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw ioError(error, 'Reading', path)
  }
}
