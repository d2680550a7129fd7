/**
 * The file port: the only door through which anything of ours touches the file system. Fourteen calls, and no
 * `truncate`, because nothing that was written is ever cut or changed. A simulator of a lying disk stands behind
 * the same door in tests.
 *
 * Paths are absolute or relative to the process, as given. Errors are the operating system's own, with `code`.
 */
export interface Files {
  /**
   * `r` reads, `r+` reads and writes what is there, `wx` creates and fails with EEXIST if the name is taken. What is created is
   * for its owner alone; a link is not followed, and what is no file is not waited for.
   */
  open(path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle>
  /** Names in a directory, in no order. */
  readdir(path: string): Promise<string[]>
  /** Creates one directory; EEXIST if it is there. */
  mkdir(path: string): Promise<void>
  /** Gives a file a second name; EEXIST if that name is taken. */
  link(from: string, to: string): Promise<void>
  /** Gives a file another name, replacing what has it. */
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Makes the names in a directory durable. Does nothing where a platform cannot. */
  syncDir(path: string): Promise<void>
  /** Whether a name is there now; follows no cache. */
  exists(path: string): boolean
  /** What stands under a name, itself and not what it may link to; undefined if nothing does. */
  stat(path: string): Stat | undefined
  /** The type of the file system that a path lies on, as statfs numbers it; 0 where that is not known. */
  fileSystem(path: string): number
  /** Calls back, soon, after something in the directory changed; best effort, a poll must stand behind it. */
  watch(path: string, changed: () => void): () => void
}

export interface Stat {
  kind: 'file' | 'directory' | 'symbolic link' | 'FIFO' | 'socket' | 'device'
  /** Whether it belongs to the user that this process runs as. */
  mine: boolean
  /** Another after every change of a file, whoever made it, as far as the file system tells; absent where it does not. */
  stamp?: string
  /** It is a segment, and lies there packed. */
  packed?: true
}

/** An open file. Reads and writes may be short, as the system's are; the caller decides what that means. */
export interface FileHandle {
  /** Returns at once where it can, because a write into the page cache is quicker than a trip to another thread. */
  write(bytes: Uint8Array, offset: number): number | Promise<number>
  read(bytes: Uint8Array, offset: number): number | Promise<number>
  /** Resolves once everything written to this file is on the disk. Rejects once and for ever: never retry. */
  datasync(): Promise<void>
  size(): Promise<number>
  /** Exclusive lock that dies with the process; `shared` for a look at whether somebody holds it. False if taken. */
  tryLock(mode: 'exclusive' | 'shared'): boolean
  close(): Promise<void>
}

/** Milliseconds since 1970, and randomness, handed in so that tests can be repeated. */
export interface Clock {
  now(): number
  random(bytes: number): Uint8Array
}
