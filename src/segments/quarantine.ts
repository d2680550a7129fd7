/** Keeping what recovery cut off, with a note beside it that says what it is. */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Clock, Files } from '../storage/files.js'
import type { Looked } from './look.js'
import { segmentName } from './segment.js'

/** Copies the incomplete last write to `quarantine/`. Returns its length in bytes, without the zeros behind it. */
export async function setAside(files: Files, clock: Clock, directory: string, { segments, last }: Looked<unknown>): Promise<number> {
  const handle = await segments.open(last.segment)
  const bytes = await segments.read(handle, last.segment, last.offset, last.size - last.offset)
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  const folder = join(directory, 'quarantine')
  const name = `${segmentName(last.segment)}-at-${last.offset}-${Buffer.from(clock.random(4)).toString('hex')}`
  const note = { segment: segmentName(last.segment), offset: last.offset, bytes: length, why: 'an incomplete last write, which nobody was promised', at: clock.now() }
  try {
    await files.mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await put(files, join(folder, `${name}.bin`), bytes.subarray(0, length))
    await put(files, join(folder, `${name}.json`), Buffer.from(`${JSON.stringify(note, undefined, 2)}\n`))
    await files.syncDir(folder)
  } catch (error) {
    throw ioError(error, 'Keeping what was cut off in', folder)
  }
  return length
}

async function put(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await files.open(path, 'wx')
  try {
    if ((await handle.write(bytes, 0)) !== bytes.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
