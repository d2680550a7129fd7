/** File systems of our own, in files: made, mounted, and gone with the room they are in. */
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { FileSystem } from './machine.js'

/** As small as each may be, so that images are quickly made. */
const BYTES: Record<FileSystem, number> = { ext4: 32 << 20, xfs: 300 << 20, btrfs: 128 << 20 }

const MAKE: Record<FileSystem, string[]> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
}

/** A directory in memory, for images and mount points; to be called once in a room. */
export function scratch(programs: string): string {
  const path = join(programs, 'scratch')
  mkdirSync(path, { recursive: true })
  run('mount', '-t', 'tmpfs', 'turnlog-torture', path)
  return path
}

/** An empty file system in a file. */
export function makeImage(path: string, fileSystem: FileSystem, bytes = BYTES[fileSystem]): void {
  const file = openSync(path, 'w')
  ftruncateSync(file, bytes)
  closeSync(file)
  const [command = '', ...words] = MAKE[fileSystem]
  run(command, ...words, path)
}

/** An image, mounted. */
export class Mounted {
  readonly path: string
  readonly #image: string

  private constructor(image: string, path: string) {
    this.path = path
    this.#image = image
  }

  static at(path: string, image: string): Mounted {
    mkdirSync(path, { recursive: true })
    const mounted = new Mounted(image, path)
    mounted.mount()
    return mounted
  }

  /** Undefined for an image that no longer mounts: a file system that does not mend a torn write of its own is nobody's fault here. */
  static tryAt(path: string, image: string): Mounted | undefined {
    try {
      return Mounted.at(path, image)
    } catch {
      return undefined
    }
  }

  mount(): void {
    run('mount', '-o', 'loop', this.#image, this.path)
  }

  unmount(): void {
    run('umount', this.path)
  }
}

/** Files below a directory that a process has open, as paths; none if it ended. */
export function openFiles(pid: number, below: string): string[] {
  const directory = `/proc/${pid}/fd`
  try {
    return readdirSync(directory).flatMap((fd) => {
      const path = readlinkSync(join(directory, fd))
      return path.startsWith(below) ? [path.slice(below.length)] : []
    })
  } catch {
    // It ends while it is looked at.
    return []
  }
}

/** Runs a command to its end and returns what it printed. */
export function run(command: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${error?.message ?? stdout + stderr}`)
  return stdout
}
