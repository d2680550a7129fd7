/** Where a journal lies: file systems on which it cannot keep its promise alone, by the number that statfs gives them. */
import type { Files } from './files.js'

const NETWORK = 'locks and syncs there are only as good as the server and the mount'
const MEMORY = 'nothing there outlives the machine'
const DOUBTFUL = 'whether a sync there reaches a disk is up to the program behind it'

const KNOWN = new Map<number, [name: string, why: string]>([
  [0x6969, ['NFS', NETWORK]],
  [0x01_02_19_97, ['9p', NETWORK]],
  [0x51_7b, ['SMB', NETWORK]],
  [0xff_53_4d_42, ['CIFS', NETWORK]],
  [0xfe_53_4d_42, ['SMB2', NETWORK]],
  [0x65_73_55_46, ['FUSE', DOUBTFUL]],
  [0x01_02_19_94, ['tmpfs', MEMORY]],
  [0x85_84_58_f6, ['ramfs', MEMORY]],
])

/** What a person should know of the place before trusting it with a journal; empty on an ordinary disk. */
export function warningsOf(files: Files, directory: string): string[] {
  const known = KNOWN.get(files.fileSystem(directory))
  return known === undefined ? [] : [`${directory} lies on ${known[0]}: ${known[1]}.`]
}
