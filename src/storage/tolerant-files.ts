/** Files for whoever reads what is left: a sector that the disk does not give reads as zeros, which are no frame. */
import { filesOver, handleOver } from './delegate.js'
import type { FileHandle, Files } from './files.js'
import { hasCode } from './io.js'

const SECTOR_BYTES = 4096

export function tolerant(files: Files): Files {
  return filesOver(files, {
    async open(path, flag) {
      const file = await files.open(path, flag)
      return handleOver(file, {
        async read(into, offset) {
          try {
            return await file.read(into, offset)
          } catch (error) {
            if (!hasCode(error, 'EIO')) throw error
            return bySector(file, into, offset)
          }
        },
      })
    },
  })
}

/** As much of one sector as is wanted; zeros if it cannot be read. */
async function bySector(file: FileHandle, into: Uint8Array, offset: number): Promise<number> {
  const most = Math.min(into.length, SECTOR_BYTES - (offset % SECTOR_BYTES), Math.max(0, (await file.size()) - offset))
  try {
    return await file.read(into.subarray(0, most), offset)
  } catch (error) {
    if (!hasCode(error, 'EIO')) throw error
    into.fill(0, 0, most)
    return most
  }
}
