/** A runtime that is killed with its journal open, again and again, while another process follows. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Audit } from './audit.js'
import { Child } from './child.js'
import { isEnough, type Inside } from './inside.js'
import type { Found } from './room.js'
import { openStory, someName, type StoryJournal } from './story.js'

/** Lives of one journal, and what each may do: acknowledge so much, or open for so long. */
const LIVES = 30
const ACKS = 60
const OPENING_MS = 60

export async function killed(inside: Inside): Promise<Found> {
  const found: Found = { rounds: 0, counts: { acknowledged: 0, followed: 0, 'unproven ends': 0 }, faults: [] }
  const writers = new Writers()
  try {
    while (!(await isEnough(found))) {
      const directory = mkdtempSync(join(tmpdir(), `turnlog-killed-${someName(inside.chance)}-`))
      try {
        await journalOfManyLives(directory, inside, found, writers)
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }
  } finally {
    await writers.end()
  }
  return found
}

async function journalOfManyLives(directory: string, inside: Inside, found: Found, writers: Writers): Promise<void> {
  const audit = new Audit()
  let follower: Follower | undefined
  const before = found.rounds
  try {
    for (let life = 0; life < LIVES && (life === 0 || !(await isEnough(found))); life++) {
      const writer = await writers.next(audit)
      writer.say(directory)
      // Most die while they append, some while they open. Before the first life there is nothing to follow.
      if (life === 0 || inside.chance.chance(0.75)) {
        await writer.said('open')
        follower ??= new Follower(directory)
        await writer.saidOften('ack', inside.chance.below(ACKS))
      } else await setTimeout(inside.chance.next() * OPENING_MS)
      await writer.kill()
      found.counts['acknowledged']! += audit.acknowledged
      await using journal = await openStory(directory, { readOnly: true })
      if (journal.recovery.unproven > 0) found.counts['unproven ends']!++
      await audit.hold(journal)
      found.rounds++
    }
    await using journal = await openStory(directory)
    await audit.hold(journal)
    const whole = audit.afresh()
    await whole.hold(journal)
    await whole.verify(journal)
    audit.faults.push(...whole.faults)
    await follower?.end(journal, audit, found)
  } finally {
    await follower?.child.kill()
  }
  found.faults.push(...audit.faults.map((fault) => `in the lives ${before + 1} to ${found.rounds}: ${fault}`))
}

/** The next runtime starts while this one lives. */
class Writers {
  #audit: Audit | undefined
  #next = this.#start()

  async next(audit: Audit): Promise<Child> {
    const { child, ready } = this.#next
    await ready
    this.#audit = audit
    this.#next = this.#start()
    return child
  }

  end(): Promise<void> {
    return this.#next.child.kill()
  }

  #start(): { child: Child; ready: Promise<unknown> } {
    const child = new Child('writer.js', [], (line) => {
      const [what, stream, number, position] = line.split(' ')
      if (what === 'ack') this.#audit?.said({ stream: stream as string, number: Number(number), position: Number(position) })
      if (what === 'open' && (JSON.parse(line.slice(5)) as { damage: unknown[] }).damage.length > 0) this.#audit?.faults.push(line)
      if (what === 'over') this.#audit?.faults.push(`the writer ended: ${line}`)
    })
    const ready = child.said('ready')
    // One that is never waited for, because the layer ends, is killed before it says anything.
    ready.catch(() => {})
    return { child, ready }
  }
}

class Follower {
  readonly child: Child
  readonly #seen: [number, string][] = []

  constructor(directory: string) {
    this.child = new Child('follower.js', [directory], (line) => {
      const [position, digest] = line.split(' ')
      this.#seen.push([Number(position), digest as string])
    })
  }

  /** It sees everything up to the end, and saw nothing but what is there. */
  async end(journal: StoryJournal, audit: Audit, found: Found): Promise<void> {
    const { position } = journal.head
    const ended = this.child.ended.then(() => true)
    for (const began = Date.now(); (this.#seen.at(-1)?.[0] ?? 0) < position;) {
      if (await Promise.race([ended, setTimeout(20, false)])) break
      if (Date.now() - began > 5000) break
    }
    const last = this.#seen.at(-1)?.[0] ?? 0
    if (last < position) audit.faults.push(`the follower stopped at ${last} of ${position}`)
    for (const [at, digest] of this.#seen)
      if (audit.digests.get(at) !== digest) audit.faults.push(`the follower saw something else up to ${at}`)
    found.counts['followed']! += last
  }
}
