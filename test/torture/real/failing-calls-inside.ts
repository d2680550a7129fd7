/**
 * Under native/failing-calls.c, which makes one call in the journal's directory fail, or that call and all later ones:
 * `failing-calls-inside.js <directory> <control> <seed>`. Asks round by round whether that was enough; see asking.ts.
 */
import { openSync, readSync, rmSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { say } from './asking.js'
import { Audit } from './audit.js'
import { isEnough } from './inside.js'
import { random } from './random.js'
import type { Found } from './room.js'
import { openStory, refusal, someName, tell } from './story.js'
import { openFiles } from './volume.js'

/** The numbers that native/failing-calls.c has for the calls, and what each may fail with; 0 is a short write. */
const { EIO, ENOSPC, EDQUOT, EMFILE } = constants.errno
const CALLS: [name: string, call: number, errors: number[]][] = [
  ['fdatasync', 1, [EIO]],
  ['fsync', 2, [EIO]],
  ['write', 3, [EIO, ENOSPC, EDQUOT, 0]],
  ['read', 4, [EIO]],
  ['open', 5, [EMFILE, EIO, ENOSPC]],
  ['rename', 6, [EIO, ENOSPC]],
  ['link', 7, [EIO, ENOSPC]],
  ['unlink', 8, [EIO]],
]

const TOLD = /^JOURNAL_((IO|DISK_FULL) (none|unknown)|POISONED none)$/

/** Rounds of one journal, commits of one round, and the most calls that go through before one fails. */
const ROUNDS = 25
const COMMITS = 24
const BEFORE = 40

const [place = '', control = '', seed = '0'] = process.argv.slice(2)
let directory = ''
const file = openSync(control, 'r+')
const chance = random(Number(seed))
const found: Found = { rounds: 0, counts: { acknowledged: 0, refused: 0, 'calls failed': 0 }, faults: [] }

function arm(call: number, before: number, error: number, forever: boolean): void {
  const fields = Buffer.alloc(24)
  fields.writeInt32LE(before, 4)
  fields.writeUInt32LE(error, 8)
  fields.writeUInt32LE(Number(forever), 12)
  writeSync(file, fields, 0, 24, 0)
  fields.writeUInt32LE(call, 0)
  writeSync(file, fields, 0, 4, 0)
}

/** How often a call was made to fail since it was armed. */
function struck(): number {
  const count = Buffer.alloc(4)
  readSync(file, count, 0, 4, 20)
  return count.readUInt32LE()
}

/** Opens, goes on with the story, takes snapshots, closes; resolves with everything that failed. */
async function live(audit: Audit): Promise<unknown[]> {
  const failed: unknown[] = []
  try {
    const journal = await openStory(directory, { segmentBytes: 8 << 10 })
    let left = COMMITS
    failed.push(...(await tell(journal, { said: (ack) => audit.said(ack), stops: () => left-- <= 0, snapshotEvery: 3 })))
    await journal.close()
  } catch (error) {
    failed.push(error)
  }
  return failed
}

async function round(audit: Audit): Promise<void> {
  const [name, call, errors] = CALLS[found.rounds % CALLS.length] as (typeof CALLS)[0]
  const error = errors[chance.below(errors.length)] as number
  const before = chance.below(BEFORE)
  const forever = chance.chance(0.5)
  const fault = (what: string): void => {
    found.faults.push(`round ${found.rounds}, ${name} ${before} fails with ${error}${forever ? ' and from then on' : ''}: ${what}`)
  }
  arm(call, before, error, forever)
  const failed = (await live(audit)).map(refusal)
  found.counts['calls failed']! += struck()
  arm(0, 0, 0, false)
  found.counts['acknowledged']! += audit.acknowledged
  found.counts['refused']! += failed.length
  for (const said of failed) if (!TOLD.test(said)) fault(`refused with ${said}`)
  const left = openFiles(process.pid, directory)
  if (left.length > 0) fault(`left open: ${left.join(', ')}`)
  const journal = await openStory(directory)
  await audit.hold(journal)
  await audit.verify(journal)
  await journal.close()
  audit.faults.splice(0).forEach(fault)
}

while (!(await isEnough(found))) {
  rmSync(place, { recursive: true, force: true })
  directory = join(place, someName(chance))
  const audit = new Audit()
  for (let nth = 0; nth < ROUNDS && (nth === 0 || !(await isEnough(found))); nth++) {
    await round(audit)
    found.rounds++
  }
}
say({ found })
process.exit(0)
