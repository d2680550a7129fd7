/**
 * Whether the simulated disk is honest: the same scripts run on a real file system above the disk that remembers and on the
 * simulation. Whatever a real crash leaves must be among the states that the simulation calls legal there.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { nodeFiles } from '../../../src/storage/node-files.js'
import { Everything } from '../../support/disk/choice.js'
import { Disk, type DiskOptions } from '../../support/disk/disk.js'
import { Process } from '../../support/disk/process.js'
import { CrashImages } from './crash-image.js'
import { drawn, Player, SCRIPTS, type Step } from './fidelity-scripts.js'
import { isEnough, type Inside } from './inside.js'
import { LogDisk, Mark, type Entry } from './log-disk.js'
import type { FileSystem } from './machine.js'
import type { Found } from './room.js'
import { makeImage, Mounted, run, scratch } from './volume.js'

/** Images of each run of a script. */
const IMAGES = 12

/** More states than this are too many to list; such a script is not drawn. */
const STATES_MAX = 20_000

/** Names that a crash left, each with what the file holds. */
type State = string

export async function fidelity(inside: Inside): Promise<Found> {
  const found: Found = { rounds: 0, counts: { scripts: 0, 'legal states': 0, 'also in order': 0, 'not mounted': 0 }, faults: [] }
  const place = scratch(inside.programs)
  const image = join(place, 'image')
  makeImage(image, inside.on as FileSystem)
  for (let nth = 0; !(await isEnough(found)); nth++) {
    const steps = SCRIPTS[nth] ?? drawn(inside.chance)
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
  const disk = new Disk(options)
  const player = new Player(new Process(disk), '/w')
  disk.create('/w', 'directory')
  disk.syncDirectory('/')
  const legal: Set<State>[] = []
  for (let done = 0; done <= steps.length; done++) {
    if (done > 0) await player.play(steps[done - 1] as Step)
    if (disk.states > STATES_MAX) return undefined
    const states = new Set<State>()
    const choice = new Everything()
    do {
      const after = disk.clone()
      after.powerLoss(choice, false)
      states.add(simulatedState(after))
    } while (choice.next())
    legal.push(states)
  }
  return legal
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
    const player = new Player(nodeFiles, directory)
    mark.add()
    for (const step of steps) {
      await player.play(step)
      mark.add()
      // The kernel may write out what it has at any time.
      if (chance.chance(0.3)) run('sync', '-f', directory)
    }
    await player.end()
    volume.unmount()
    return disk.entries()
  } finally {
    await disk.end()
  }
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
