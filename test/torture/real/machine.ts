/** What these layers need of the machine, and the name of what is missing. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'

export type Need = 'linux' | 'root' | 'namespaces' | 'loop' | 'fuse' | 'gcc' | 'strace' | FileSystem
export type FileSystem = 'ext4' | 'xfs' | 'btrfs'

/** What lets the machine have it, where a package does. */
const WAY_OUT: Partial<Record<Need, string>> = {
  fuse: 'install fuse3 and libfuse3-dev',
  gcc: 'install gcc and libc6-dev',
  strace: 'install strace',
  ext4: 'install e2fsprogs',
  xfs: 'install xfsprogs',
  btrfs: 'install btrfs-progs',
}

const has: Record<Need, () => boolean> = {
  linux: () => process.platform === 'linux',
  root: () => process.getuid?.() === 0,
  namespaces: () => runs('unshare', ['--mount', '--pid', '--fork', 'true']),
  loop: () => isThere('/dev/loop-control') && runs('losetup', ['--find']),
  fuse: () => isThere('/dev/fuse') && runs('pkg-config', ['--exists', 'fuse3']),
  gcc: () => runs('gcc', ['--version']),
  strace: () => runs('strace', ['-qq', '-o', '/dev/null', 'true']),
  ext4: () => knows('ext4') && runs('mkfs.ext4', ['-V']),
  xfs: () => knows('xfs') && runs('mkfs.xfs', ['-V']),
  btrfs: () => knows('btrfs') && runs('mkfs.btrfs', ['--version']),
}

/** The first of the needs that the machine does not meet, with the way out; undefined if it meets all. */
export function missing(needs: readonly Need[]): string | undefined {
  const need = needs.find((one) => !has[one]())
  if (need === undefined) return undefined
  const way = WAY_OUT[need]
  return way === undefined ? need : `${need} (${way})`
}

function runs(command: string, words: string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function knows(fileSystem: FileSystem): boolean {
  return readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(fileSystem)
}
