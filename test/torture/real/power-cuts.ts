/**
 * Power cuts of a file system in use: the runtime is stopped, the file system is shut down so that nothing more reaches
 * its device, and mounted again. The runtime lives on and finds that nothing works any more, or is killed too.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Audit } from './audit.js'
import { Child } from './child.js'
import type { FileSystem } from './machine.js'
import { isEnough, type Inside } from './inside.js'
import type { Found } from './room.js'
import { openStory, someName } from './story.js'
import { makeImage, Mounted, openFiles, run, scratch } from './volume.js'

/** Cuts of one journal, and what goes before each: so many acknowledged appends at most, or so much of an opening. */
const CUTS = 40
const ACKS = 50
const OPENING_MS = 10

export async function powerCuts(inside: Inside): Promise<Found> {
  const fileSystem = inside.on as FileSystem
  const place = scratch(inside.programs)
  const image = join(place, 'image')
  makeImage(image, fileSystem)
  const layer = new PowerCuts(inside, Mounted.at(join(place, 'mount'), image))
  try {
    await layer.run()
  } finally {
    await layer.end()
  }
  return layer.found
}

class PowerCuts {
  readonly found: Found = { rounds: 0, counts: { acknowledged: 0, 'torn tails': 0, 'cut while opening': 0 }, faults: [] }
  readonly #inside: Inside
  readonly #volume: Mounted
  #audit = new Audit()
  #writer: Child | undefined
  #directory = ''

  constructor(inside: Inside, volume: Mounted) {
    this.#inside = inside
    this.#volume = volume
  }

  async run(): Promise<void> {
    let looked = true
    while (!(await isEnough(this.found))) {
      if (this.found.rounds % CUTS === 0) this.#begin()
      await this.#live()
      this.found.rounds++
      // One power cut may follow the other before anybody has looked.
      looked = this.#inside.chance.chance(0.7) || this.found.rounds % CUTS === 0
      if (looked) await this.#look()
    }
    if (!looked) await this.#look()
  }

  async end(): Promise<void> {
    await this.#writer?.kill()
  }

  #begin(): void {
    if (existsSync(this.#directory)) run('rm', '-r', this.#directory)
    this.#directory = join(this.#volume.path, `${this.found.rounds}-${someName(this.#inside.chance)}`)
    this.#audit = new Audit()
  }

  async #live(): Promise<void> {
    const { chance, programs } = this.#inside
    const writer = (this.#writer ??= await this.#start())
    const opened = writer.said('open')
    const over = writer.said('over')
    opened.catch(() => {})
    over.catch(() => {})
    writer.say(this.#directory)
    const whileOpening = chance.chance(0.15)
    if (whileOpening) this.found.counts['cut while opening']!++
    else await Promise.race([opened, over])
    if (whileOpening) await setTimeout(chance.next() * OPENING_MS)
    else await writer.saidOften('ack', chance.below(ACKS))
    // A call that is on its way may be told of as done though nothing of it stays, so none is.
    await writer.stop()
    run(join(programs, 'powercut'), this.#volume.path)
    if (chance.chance(0.1)) {
      await writer.kill()
      this.#writer = undefined
    } else {
      writer.goOn()
      this.#ended(await over)
      const left = openFiles(writer.process.pid as number, this.#volume.path)
      if (left.length > 0) {
        this.#fault(`the runtime left open: ${left.join(', ')}`)
        await writer.kill()
        this.#writer = undefined
      }
    }
    this.#volume.unmount()
    this.#volume.mount()
  }

  /** Whatever failed says that it did, and what became of it. */
  #ended(line: string): void {
    const allowed = new Set(['JOURNAL_IO none', 'JOURNAL_IO unknown', 'JOURNAL_POISONED none'])
    const odd = line
      .slice('over '.length)
      .split(', ')
      .filter((refused) => !allowed.has(refused))
    if (odd.length > 0) this.#fault(`the runtime ended with ${line}`)
  }

  /** Recovers, and holds what is there against everything that was acknowledged. */
  async #look(): Promise<void> {
    const { counts } = this.found
    counts['acknowledged']! += this.#audit.acknowledged
    await using journal = await openStory(this.#directory)
    if (journal.recovery.tornBytes > 0) counts['torn tails']!++
    await this.#audit.hold(journal)
    await this.#audit.verify(journal)
    for (const fault of this.#audit.faults) this.#fault(fault)
  }

  #fault(what: string): void {
    this.found.faults.push(`cut ${this.found.rounds}: ${what}`)
  }

  async #start(): Promise<Child> {
    const writer = new Child('writer.js', [], (line) => {
      const [what, stream, number, position] = line.split(' ')
      if (what === 'ack') this.#audit.said({ stream: stream as string, number: Number(number), position: Number(position) })
    })
    await writer.said('ready')
    return writer
  }
}
