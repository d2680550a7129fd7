/** Keeps a copy of what recovery leaves out, with a note that says where it was. */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Core } from './core.js'
import { makeDirectory, placeFile, readFully, writeFully } from './io.js'
import type { SegmentName } from './paths.js'

const CHUNK_BYTES = 1 << 20

export async function quarantine<Note>(
  { files, clock, paths, handles }: Core<Note>,
  segment: SegmentName,
  from: number,
  to: number,
  reason: string,
): Promise<void> {
  const name = `${segment.name}.${from}-${to}.${Buffer.from(clock.random(4)).toString('hex')}`
  const note = `${JSON.stringify({ segment: segment.name, offset: from, bytes: to - from, at: clock.now(), reason }, undefined, 2)}\n`
  try {
    await makeDirectory(files, paths.quarantine)
    await handles.with(paths.segment(segment), (source) =>
      placeFile(files, clock, join(paths.quarantine, `${name}.bytes`), async (file, temporary) => {
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
        for (let at = from; at < to;) {
          const got = await readFully(source, chunk.subarray(0, Math.min(CHUNK_BYTES, to - at)), at)
          if (got === 0) break
          await writeFully(file, chunk.subarray(0, got), at - from, temporary)
          at += got
        }
      }),
    )
    await placeFile(files, clock, join(paths.quarantine, `${name}.json`), (file, temporary) =>
      writeFully(file, Buffer.from(note), 0, temporary),
    )
  } catch (error) {
    throw ioError(error, 'Setting torn bytes aside in', paths.quarantine)
  }
}
