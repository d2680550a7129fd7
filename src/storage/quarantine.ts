/** Keeps a copy of what is left out, with a note that says where it was. The same bytes are kept once, however often they are met. */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Core } from './core.js'
import { chunksOf, hasCode, hashOf, makeDirectory, placeFile, writeFully } from './io.js'
import type { SegmentName } from './paths.js'

export async function quarantine<Note>(
  { files, clock, paths, handles }: Core<Note>,
  segment: SegmentName,
  from: number,
  to: number,
  reason: string,
): Promise<void> {
  const place = async (name: string, write: Parameters<typeof placeFile>[3]): Promise<void> => {
    try {
      await placeFile(files, clock, join(paths.quarantine, name), write)
    } catch (error) {
      // The name says what the file holds, so it is there already.
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
  const note = `${JSON.stringify({ segment: segment.name, offset: from, bytes: to - from, at: clock.now(), reason }, undefined, 2)}\n`
  try {
    await makeDirectory(files, paths.quarantine)
    await handles.with(paths.segment(segment), async (source) => {
      const name = `${segment.name}.${from}-${to}.${(await hashOf(source, from, to)).toString('hex', 0, 8)}`
      await place(`${name}.bytes`, async (file, temporary) => {
        for await (const { at, chunk } of chunksOf(source, from, to)) await writeFully(file, chunk, at - from, temporary)
      })
      await place(`${name}.json`, (file, temporary) => writeFully(file, Buffer.from(note), 0, temporary))
    })
  } catch (error) {
    throw ioError(error, 'Setting bytes aside in', paths.quarantine)
  }
}
