/**
 * Whether the simulated disk is honest: the same scripts run on a real file system above the disk that remembers and on the
 * simulation. Whatever a real crash leaves must be among the states that the simulation calls legal there.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { nodeFiles } from '../../../src/storage/node-files.js'
import { Everything, type Choice } from '../../support/disk/choice.js'
import { Disk, type DiskOptions } from '../../support/disk/disk.js'
import { Faults } from '../../support/disk/faults.js'
import { Process } from '../../support/disk/process.js'
import { CrashImages } from './crash-image.js'
import { drawn, Player, SCRIPTS, type Step } from './fidelity-scripts.js'
import { isEnough, type Inside } from './inside.js'
import { LogDisk, Mark, type Entry } from './log-disk.js'
import type { FileSystem } from './machine.js'
import type { Random } from './random.js'
import type { Found } from './room.js'
import { makeImage, Mounted, run, scratch } from './volume.js'

/** Images of each run of a script. */
const IMAGES = 12

/** More states than this are too many to list; such a script is not drawn. */
const STATES_MAX = 5000

/** What is filled with one byte is known by so many of them. */
const FILLED_BYTES = 64

/** Names that a crash left, each with what the file holds. */
type State = string

export async function fidelity(inside: Inside): Promise<Found> {
  const found: Found = { rounds: 0, counts: { scripts: 0, 'legal states': 0, 'also in order': 0, 'not mounted': 0 }, faults: [] }
  const place = scratch(inside.programs)
  const image = join(place, 'image')
  makeImage(image, inside.on as FileSystem)
  const scripts = inOtherOrder(SCRIPTS, inside.chance)
  for (let nth = 0; !(await isEnough(found)); nth++) {
    const steps = scripts[nth] ?? drawn(inside.chance)
    const legal = await legalStates(steps, { names: 'posix' })
    if (legal === undefined) continue
    const ordered = (await legalStates(steps, { names: 'ordered' })) as Set<State>[]
    found.counts['scripts']!++
    found.counts['legal states']! += new Set(legal.flatMap((states) => [...states])).size
    const entries = await recorded(inside, steps, image, join(place, String(nth)))
    await compare({ inside, steps, legal, ordered, found }, image, entries, place)
  }
  return found
}

/** For each number of steps done, every state that a power loss may leave then; undefined if there are too many. */
async function legalStates(steps: readonly Step[], options: DiskOptions): Promise<Set<State>[] | undefined> {
  const legal: Set<State>[] = []
  for (let done = 0; done <= steps.length; done++) {
    const states = new Set<State>()
    const choice = new Everything()
    do {
      const disk = await after(steps.slice(0, done), options, choice)
      if (disk.states > STATES_MAX) return undefined
      disk.powerLoss(choice, false)
      states.add(simulatedState(disk))
    } while (choice.next())
    legal.push(states)
  }
  return legal
}

/** The simulated disk when some steps are done; what a sync that fails leaves on it is a choice. */
async function after(steps: readonly Step[], options: DiskOptions, choice: Choice): Promise<Disk> {
  const disk = new Disk(options)
  disk.create('/w', 'directory')
  disk.syncDirectory('/')
  const process = new Process(disk, { choice })
  const player = new Player(process, '/w', (fill) => {
    process.faults = new Faults(fill === undefined ? [] : [{ code: 'EIO', at: 1, calls: ['datasync'] }])
  })
  for (const step of steps) await player.play(step)
  return disk
}

function simulatedState(disk: Disk): State {
  return stateOf(
    disk.paths().map((path) => {
      const file = disk.file(path)
      const bytes = Buffer.alloc(file.size)
      file.read(bytes, 0)
      return [path.slice('/w/'.length), bytes]
    }),
  )
}

function realState(directory: string): State {
  const files: [string, Buffer][] = []
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.push([relative(directory, path), readFileSync(path)])
  }
  return stateOf(files)
}

/** A file's runs of equal bytes say all that it holds. */
function stateOf(files: readonly (readonly [path: string, bytes: Buffer])[]): State {
  return files
    .map(([path, bytes]) => `${path}: ${runs(bytes)}`)
    .toSorted()
    .join('\n')
}

function runs(bytes: Buffer): string {
  const said: string[] = []
  for (let from = 0; from < bytes.length;) {
    let to = from + 1
    while (to < bytes.length && bytes[to] === bytes[from]) to++
    said.push(`${to - from}×${bytes[from]}`)
    from = to
  }
  return said.join(' ')
}

/** Plays a script on a real file system; the disk's log says how many steps had been done. */
async function recorded({ programs, chance }: Inside, steps: readonly Step[], image: string, place: string): Promise<Entry[]> {
  const disk = await LogDisk.start(programs, place, image)
  try {
    const volume = Mounted.at(join(place, 'mount'), disk.file)
    const directory = join(volume.path, 'w')
    mkdirSync(directory)
    run('sync', '-f', directory)
    const mark = new Mark(disk.control)
    const player = new Player(nodeFiles, directory, (fill) =>
      disk.failWrites(fill === undefined ? 'none' : { with: String.fromCharCode(fill).repeat(FILLED_BYTES) }),
    )
    mark.add()
    // What a sync is to fail with must be there for it, and a later one would be told of it too.
    const fails = steps.some(({ op }) => op === 'failingSync')
    for (const step of steps) {
      await player.play(step)
      mark.add()
      // The kernel may write out what it has at any time.
      if (!fails && chance.chance(0.3)) run('sync', '-f', directory)
    }
    await player.end()
    volume.unmount()
    return disk.entries()
  } finally {
    await disk.end()
  }
}

function inOtherOrder<T>(all: readonly T[], chance: Random): T[] {
  return all
    .map((one) => [chance.next(), one] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, one]) => one)
}

interface Comparison {
  inside: Inside
  steps: readonly Step[]
  legal: readonly Set<State>[]
  ordered: readonly Set<State>[]
  found: Found
}

async function compare(
  { inside, steps, legal, ordered, found }: Comparison,
  image: string,
  entries: readonly Entry[],
  place: string,
): Promise<void> {
  const { chance } = inside
  // The mark counts the steps done, and one for the directory that they are in.
  const first = entries.findIndex(({ mark }) => mark > 0)
  if (first < 0) return
  const images = new CrashImages(image, entries)
  const cuts = Array.from({ length: IMAGES }, () => first + chance.below(entries.length + 1 - first)).toSorted((a, b) => a - b)
  const crash = join(place, 'crash')
  for (const cut of cuts) {
    const from = Math.max(0, images.write(crash, cut, chance) - 1)
    // Steps that wrote nothing may have been done before the next entry, and the step after them begun.
    const to = Math.min(steps.length, entries[cut]?.mark ?? steps.length)
    const volume = Mounted.tryAt(join(place, 'mount'), crash)
    found.rounds++
    if (volume === undefined) {
      found.counts['not mounted']!++
      continue
    }
    const state = realState(join(volume.path, 'w'))
    volume.unmount()
    const isIn = (states: readonly Set<State>[]): boolean => states.slice(from, to + 1).some((set) => set.has(state))
    if (!isIn(legal)) found.faults.push(`round ${found.rounds}, after ${from} to ${to} of ${JSON.stringify(steps)}: ${state}`)
    if (isIn(ordered)) found.counts['also in order']!++
  }
}
