/** Directories of a simulated disk: names as the cache shows them, and names that a power loss leaves. */
import type { Inode } from './inode.js'

export type Node = Inode | Directory

export class Directory {
  /** As every process sees them. */
  names = new Map<string, Node>()
  /** As they stand on the disk. */
  durable = new Map<string, Node>()
}

/** A change of names that is not durable yet. A rename is one change: both names move or none does. */
export interface NameChange {
  directory: Directory
  put?: { name: string; node: Node }
  remove?: string
}

export function applyTo(names: Map<string, Node>, { put, remove }: NameChange): void {
  if (remove !== undefined) names.delete(remove)
  if (put !== undefined) names.set(put.name, put.node)
}

/** Every file below a directory, as a power loss would leave it. */
export function* durableFiles(directory: Directory): Generator<Inode> {
  for (const node of directory.durable.values()) {
    if (node instanceof Directory) yield* durableFiles(node)
    else yield node
  }
}
