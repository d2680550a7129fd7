/** Files for whoever reads what is left: a sector that the disk does not give reads as zeros, which are no frame. */
import type { FileHandle, Files } from './files.js'
import { hasCode } from './io.js'

const SECTOR_BYTES = 4096

export function tolerant(files: Files): Files {
  const open: Files['open'] = async (path, flag) => {
    const file = await files.open(path, flag)
    const read: FileHandle['read'] = async (into, offset) => {
      try {
        return await file.read(into, offset)
      } catch (error) {
        if (!hasCode(error, 'EIO')) throw error
        return bySector(file, into, offset)
      }
    }
    return {
      read,
      write: (bytes, offset) => file.write(bytes, offset),
      datasync: () => file.datasync(),
      size: () => file.size(),
      tryLock: (mode) => file.tryLock(mode),
      close: () => file.close(),
    }
  }
  return {
    open,
    readdir: (path) => files.readdir(path),
    mkdir: (path) => files.mkdir(path),
    link: (from, to) => files.link(from, to),
    rename: (from, to) => files.rename(from, to),
    unlink: (path) => files.unlink(path),
    syncDir: (path) => files.syncDir(path),
    exists: (path) => files.exists(path),
    stat: (path) => files.stat(path),
    fileSystem: (path) => files.fileSystem(path),
    watch: (path, changed) => files.watch(path, changed),
  }
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
