/** The file port with some of its calls changed; all others go through. What is behind may be an object of any class. */
import type { FileHandle, Files } from './files.js'

export function filesOver(files: Files, changed: Partial<Files>): Files {
  return {
    open: (path, flag) => files.open(path, flag),
    readdir: (path) => files.readdir(path),
    mkdir: (path) => files.mkdir(path),
    link: (from, to) => files.link(from, to),
    rename: (from, to) => files.rename(from, to),
    unlink: (path) => files.unlink(path),
    syncDir: (path) => files.syncDir(path),
    exists: (path) => files.exists(path),
    stat: (path) => files.stat(path),
    fileSystem: (path) => files.fileSystem(path),
    watch: (path, call) => files.watch(path, call),
    ...changed,
  }
}

export function handleOver(file: FileHandle, changed: Partial<FileHandle>): FileHandle {
  return {
    write: (bytes, offset) => file.write(bytes, offset),
    read: (into, offset) => file.read(into, offset),
    datasync: () => file.datasync(),
    size: () => file.size(),
    tryLock: (mode) => file.tryLock(mode),
    close: () => file.close(),
    ...changed,
  }
}
