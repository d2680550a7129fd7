/** Short scripts over the file port, as the storage floor writes its files, and others drawn at random. */
import type { FileHandle, Files } from '../../../src/storage/files.js'
import type { Random } from './random.js'

export type Step =
  | { op: 'create' | 'datasync' | 'unlink' | 'mkdir' | 'syncDir'; path: string }
  | { op: 'write'; path: string; at: number; length: number; fill: number }
  | { op: 'link' | 'rename'; path: string; to: string }
  /** A sync for which the disk is given what was written with one byte, and does not take it. */
  | { op: 'failingSync'; path: string; fill: number }

const create = (path: string): Step => ({ op: 'create', path })
const write = (path: string, at: number, length: number, fill: number): Step => ({ op: 'write', path, at, length, fill })
const datasync = (path: string): Step => ({ op: 'datasync', path })
const syncDir = (path = ''): Step => ({ op: 'syncDir', path })
const failingSync = (path: string, fill: number): Step => ({ op: 'failingSync', path, fill })

/** A file of one block, on the disk with its name. */
const BLOCK = [create('f'), write('f', 0, 4096, 1), datasync('f'), syncDir()]

export const SCRIPTS: Step[][] = [
  // A file that appears whole.
  [create('t'), write('t', 0, 700, 1), datasync('t'), { op: 'link', path: 't', to: 'f' }, { op: 'unlink', path: 't' }, syncDir()],
  // A log that grows.
  [
    create('f'),
    write('f', 0, 600, 1),
    datasync('f'),
    syncDir(),
    write('f', 600, 500, 2),
    datasync('f'),
    write('f', 1100, 700, 3),
    datasync('f'),
  ],
  // Into space that was filled with zeros.
  [
    create('f'),
    write('f', 0, 4096, 0),
    datasync('f'),
    syncDir(),
    write('f', 0, 300, 1),
    write('f', 304, 300, 2),
    datasync('f'),
    write('f', 608, 900, 3),
  ],
  // Two slots in turn, never synced.
  [
    create('f'),
    write('f', 0, 112, 1),
    write('f', 4096, 112, 2),
    syncDir(),
    write('f', 0, 112, 3),
    write('f', 4096, 112, 4),
    write('f', 0, 112, 5),
  ],
  // A file in place of another.
  [
    create('f'),
    write('f', 0, 600, 1),
    datasync('f'),
    syncDir(),
    create('t'),
    write('t', 0, 900, 2),
    datasync('t'),
    { op: 'rename', path: 't', to: 'f' },
    syncDir(),
  ],
  // A directory and what is in it.
  [{ op: 'mkdir', path: 'd' }, syncDir(), create('d/f'), write('d/f', 0, 600, 1), datasync('d/f'), syncDir('d'), create('d/g')],
  // An epoch and the one before.
  [create('e1'), syncDir(), create('e2'), syncDir(), { op: 'unlink', path: 'e1' }, create('e3'), syncDir(), { op: 'unlink', path: 'e2' }],
  // Two files of which one is synced.
  [
    create('f'),
    create('g'),
    write('f', 0, 600, 1),
    write('g', 0, 600, 2),
    datasync('f'),
    write('g', 600, 600, 3),
    syncDir(),
    datasync('g'),
  ],
  // A sync that fails, and one behind it that says that all is well.
  [...BLOCK, write('f', 0, 600, 2), failingSync('f', 2), datasync('f')],
  // The same, and something is written beside what is not on the disk.
  [...BLOCK, write('f', 0, 600, 2), failingSync('f', 2), write('f', 2048, 100, 3), datasync('f')],
  // The same where the file had become longer.
  [...BLOCK, write('f', 4096, 4096, 2), failingSync('f', 2), write('f', 8192, 700, 3), datasync('f')],
]

/** Has the disk refuse to write what is filled with a byte, or nothing again. */
export type Refuse = (fill: number | undefined) => void

/** Does one step after the other, below a directory. */
export class Player {
  readonly #files: Files
  readonly #root: string
  readonly #refuse: Refuse
  readonly #handles = new Map<string, FileHandle>()

  constructor(files: Files, root: string, refuse: Refuse) {
    this.#files = files
    this.#root = root
    this.#refuse = refuse
  }

  async play(step: Step): Promise<void> {
    const path = this.#at(step.path)
    switch (step.op) {
      case 'create':
        this.#handles.set(step.path, await this.#files.open(path, 'wx'))
        break
      case 'write':
        await this.#handle(step.path).write(Buffer.alloc(step.length, step.fill), step.at)
        break
      case 'datasync':
        await this.#handle(step.path).datasync()
        break
      case 'failingSync':
        await this.#failingSync(step)
        break
      case 'rename':
        await this.#files.rename(path, this.#at(step.to))
        break
      case 'link':
        await this.#files.link(path, this.#at(step.to))
        break
      default:
        await this.#files[step.op](path)
    }
  }

  async #failingSync({ path, fill }: { path: string; fill: number }): Promise<void> {
    this.#refuse(fill)
    const failed = await this.#handle(path)
      .datasync()
      .then(
        () => false,
        () => true,
      )
    this.#refuse(undefined)
    if (!failed) throw new Error(`a sync of ${path} was to fail and did not`)
  }

  async end(): Promise<void> {
    for (const handle of this.#handles.values()) await handle.close()
  }

  #at(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }

  #handle(path: string): FileHandle {
    return this.#handles.get(path) as FileHandle
  }
}

/** A handful of steps with files, their contents and their names. */
export function drawn(chance: Random): Step[] {
  const drawing = new Drawing(chance)
  return Array.from({ length: 6 + chance.below(5) }, () => drawing.next())
}

class Drawing {
  readonly #chance: Random
  /** Names that are taken, and the file behind each, which is written to by its first name. */
  readonly #names = new Map<string, string>()
  #made = 0

  constructor(chance: Random) {
    this.#chance = chance
  }

  next(): Step {
    const file = this.#one([...new Set(this.#names.values())])
    const name = this.#one([...this.#names.keys()])
    if (file === undefined || name === undefined || (this.#made < 2 && this.#chance.chance(0.2))) return this.#create()
    switch (this.#chance.below(8)) {
      case 0:
        return datasync(file)
      case 1:
        return syncDir()
      case 2:
        return this.#move('link', name)
      case 3:
        return this.#move('rename', name)
      case 4:
        this.#names.delete(name)
        return { op: 'unlink', path: name }
      default:
        return write(file, 100 * this.#chance.below(12), 1 + this.#chance.below(800), 1 + this.#chance.below(200))
    }
  }

  #create(): Step {
    const path = `f${this.#made++}`
    this.#names.set(path, path)
    return create(path)
  }

  #move(op: 'link' | 'rename', path: string): Step {
    const to = `n${this.#made++}`
    this.#names.set(to, this.#names.get(path) as string)
    if (op === 'rename') this.#names.delete(path)
    return { op, path, to }
  }

  #one(from: readonly string[]): string | undefined {
    return from[this.#chance.below(from.length)]
  }
}
