/**
 * Block-level log and replay: every write and flush of a journal's life is recorded below the file system; images of what
 * the disk may hold after a crash at any point of it are made from the record, mounted and recovered.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Audit } from './audit.js'
import { Child } from './child.js'
import { CrashImages } from './crash-image.js'
import { LogDisk, type Entry } from './log-disk.js'
import type { FileSystem } from './machine.js'
import { isEnough, type Inside } from './inside.js'
import type { Found } from './room.js'
import { openStory, someName, tell, type Ack } from './story.js'
import { random } from './random.js'
import { makeImage, Mounted, scratch } from './volume.js'

/** Images from one record, the lives that it holds, and how many appends each has acknowledged before it is killed, at most. */
const IMAGES = 200
const LIVES = 3
const ACKS = 120

/** Images in the order of their cuts, so that the disk is followed along its log. */
const BATCH = 20

interface Record {
  image: string
  /** Of the journal's directory. */
  name: string
  entries: Entry[]
  acks: Ack[]
}

export async function crashImages(inside: Inside): Promise<Found> {
  const found: Found = { rounds: 0, counts: { acknowledged: 0, writes: 0, 'torn tails': 0, 'not mounted': 0 }, faults: [] }
  const place = scratch(inside.programs)
  const image = join(place, 'image')
  makeImage(image, inside.on as FileSystem)
  while (!(await isEnough(found))) {
    const record = await recorded(inside, image, join(place, String(found.rounds)))
    found.counts['acknowledged']! += record.acks.length
    found.counts['writes']! += record.entries.length
    for (let batch = 0; batch < IMAGES / BATCH && (batch === 0 || !(await isEnough(found))); batch++)
      await replay(inside, record, place, found)
  }
  return found
}

/** Lives of one journal, each killed, on a disk that writes everything down. */
async function recorded({ programs, chance }: Inside, image: string, place: string): Promise<Record> {
  const disk = await LogDisk.start(programs, place, image)
  const volume = Mounted.at(join(place, 'mount'), disk.file)
  const acks: Ack[] = []
  const name = someName(chance)
  for (let life = 0; life < LIVES; life++) {
    const writer = new Child('writer.js', [disk.control], (line) => {
      const [what, stream, number, position] = line.split(' ')
      if (what === 'ack') acks.push({ stream: stream as string, number: Number(number), position: Number(position) })
    })
    await writer.said('ready')
    writer.say(join(volume.path, name))
    await writer.said('open')
    await writer.saidOften('ack', chance.below(ACKS))
    await writer.kill()
  }
  volume.unmount()
  const entries = disk.entries()
  await disk.end()
  return { image, name, entries, acks }
}

async function replay(inside: Inside, { image, name, entries, acks }: Record, place: string, found: Found): Promise<void> {
  const { chance } = inside
  const images = new CrashImages(image, entries)
  const cuts = Array.from({ length: BATCH }, () => chance.below(entries.length + 1)).toSorted((a, b) => a - b)
  const crash = join(place, 'crash')
  for (const cut of cuts) {
    const seed = chance.below(2 ** 32)
    const promised = Math.min(images.write(crash, cut, random(seed)), acks.length)
    const goesOn = chance.chance(0.25)
    const faults = await recover({ image: crash, mountPoint: join(place, 'mount'), name, acks: acks.slice(0, promised), goesOn }, found)
    if (faults.length > 0) {
      const kept = join(tmpdir(), `turnlog-crash-${inside.on}-${inside.seed}-${found.rounds}.img`)
      images.write(kept, cut, random(seed))
      const where = `crash before write ${cut} of ${entries.length}, ${promised} acknowledged, image kept in ${kept}`
      found.faults.push(...faults.map((fault) => `${where}: ${fault}`))
    }
    found.rounds++
  }
}

interface Crashed {
  image: string
  mountPoint: string
  name: string
  acks: readonly Ack[]
  /** With the story. */
  goesOn: boolean
}

/** Mounts an image, recovers, and says what is wrong; sometimes goes on with the story there. */
async function recover({ image, mountPoint, name, acks, goesOn }: Crashed, found: Found): Promise<string[]> {
  const volume = Mounted.tryAt(mountPoint, image)
  if (volume === undefined) {
    found.counts['not mounted']!++
    return []
  }
  const audit = new Audit()
  acks.forEach((ack) => audit.said(ack))
  try {
    const directory = join(volume.path, name)
    for (let again = 0; again < (goesOn ? 2 : 1); again++) {
      await using journal = await openStory(directory)
      if (journal.recovery.tornBytes > 0) found.counts['torn tails']!++
      await audit.hold(journal)
      let left = 8
      if (!goesOn) continue
      const failed = await tell(journal, { said: (ack) => audit.said(ack), stops: () => left-- <= 0 })
      audit.faults.push(...failed.map(String))
    }
  } catch (error) {
    audit.faults.push(String(error))
  } finally {
    volume.unmount()
  }
  return audit.faults
}
