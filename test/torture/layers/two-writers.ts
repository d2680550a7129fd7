/** L: two writers in every order of their calls. Mostly both believe to be alone, because locks do not work there; where they do, nobody is fenced. */
import { isDeepStrictEqual } from 'node:util'
import { isJournalError } from '../../../src/errors.js'
import type { CommitStore, NewCommit, Receipt, StoredCommit } from '../../../src/storage/commit-store.js'
import { openCommitStore } from '../../../src/storage/open.js'
import { event, notes, withData, type Sum } from '../../storage/support/notes.js'
import { oneIn, pick, Seeded, type Choice } from '../../support/disk/choice.js'
import { Disk } from '../../support/disk/disk.js'
import { Process } from '../../support/disk/process.js'
import type { StandingTime } from '../../support/disk/time.js'
import { each } from '../each.js'
import { Turns } from '../floor/turns.js'
import type { Layer } from '../layer.js'

const DIRECTORY = '/journal'

export const twoWriters: Layer = {
  letter: 'L',
  name: 'two writers, locks off',
  unit: 'interleavings',
  parts: true,
  missing: async () => [],
  run: (campaign) => each(campaign, async (seed, counts, time) => ({ done: 1, broken: await interleave(seed, time, counts) })),
}

interface Writer {
  name: string
  process: Process
  /** Whether locks work: then nobody takes over what another holds. */
  locks: boolean
  told: Told[]
}

/** A commit of one of them, and what it was told. */
interface Told {
  commit: NewCommit
  receipt?: Receipt
  outcome?: 'none' | 'unknown' | undefined
}

async function interleave(seed: number, time: StandingTime, counts: Record<string, number>): Promise<string[]> {
  const choice = new Seeded(seed)
  const disk = new Disk({ names: pick(choice, ['ordered', 'posix']) })
  const turns = new Turns(choice)
  const broken: string[] = []
  const segmentBytes = pick(choice, [700, 8192])
  const compress = oneIn(choice, 2)
  const groupBytes = pick(choice, [100, 512 << 10])
  const open = (process: Process): Promise<CommitStore<Sum>> => openSmall(process, time, choice, { segmentBytes, compress, groupBytes })
  if (oneIn(choice, 2)) await (await open(new Process(disk))).close()
  const locks = oneIn(choice, 4)
  const writers = ['a', 'b'].map((name): Writer => {
    const process = new Process(disk, { choice, locks, turn: turns.of(name) })
    return { name, process, locks, told: [] }
  })
  const plan = writers.map(() => 1 + choice.int(4))
  const all = Promise.all(writers.map((one, i) => write(one, () => open(one.process), plan[i]!, broken)))
  if (!(await turns.until(all))) broken.push('they wait for each other for ever')
  for (const { process } of writers) process.kill()
  time.forget()
  if (oneIn(choice, 2)) disk.powerLoss(choice)
  counts['calls'] = turns.taken + (counts['calls'] ?? 0)
  const told = writers.flatMap((one) => one.told)
  counts['acknowledged'] = told.filter(({ receipt }) => receipt !== undefined).length + (counts['acknowledged'] ?? 0)
  counts['refused'] = told.filter(({ outcome }) => outcome !== undefined).length + (counts['refused'] ?? 0)
  await judge(
    await open(new Process(disk)),
    writers.map((one) => one.told),
    broken,
  )
  return broken
}

function openSmall(
  process: Process,
  time: StandingTime,
  choice: Choice,
  setting: { segmentBytes: number; compress: boolean; groupBytes: number },
): Promise<CommitStore<Sum>> {
  const clock = { now: () => time.now, random: (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => choice.int(256))) }
  const options = { notes, admit: () => {}, files: process, clock, ...setting, lockWaitMs: 0 }
  return openCommitStore<Sum>(DIRECTORY, options).then(({ store }) => store)
}

/** Opens, appends to a stream of its own, and closes. What fails must say how. */
async function write(
  { name, locks, told }: Writer,
  open: () => Promise<CommitStore<Sum>>,
  commits: number,
  broken: string[],
): Promise<void> {
  try {
    const store = await open()
    let note = (await store.stream(name)).note
    for (let n = 0; n < commits; n++) {
      const commit: NewCommit = { stream: name, version: n + 1, commitId: `${name}${n}`, at: 1, events: [event(n)] }
      note = notes.fold(note, { ...commit, position: 0 })
      const one: Told = { commit }
      told.push(one)
      const append = async (): Promise<Receipt> => store.append({ ...commit }, note, notes.claims(commit), 'disk')
      const appended = append().then(
        (receipt) => void (one.receipt = receipt),
        (error: unknown) => {
          one.outcome = isJournalError(error) ? error.details.outcome : undefined
          if (locks && isJournalError(error, 'JOURNAL_FENCED')) broken.push(`${commit.commitId} was fenced where locks work`)
          if (one.outcome === undefined) broken.push(`${commit.commitId} was rejected without an outcome: ${String(error)}`)
        },
      )
      if (n % 2 === 0) await appended
    }
    await store.close()
  } catch (error) {
    if (!isJournalError(error)) broken.push(`${name} failed without a code: ${error instanceof Error ? error.stack : String(error)}`)
  }
}

/** What was acknowledged stands where it was said to stand; what each of them wrote is a first part of what it handed in. */
async function judge(store: CommitStore<Sum>, writers: readonly Told[][], broken: string[]): Promise<void> {
  const found: StoredCommit[] = []
  for await (const item of store.read()) {
    if ('gap' in item) broken.push(`a gap: ${JSON.stringify(item.gap)}`)
    else found.push(...item.commits)
  }
  for (const damage of store.recovery.damage) broken.push(`false alarm: ${JSON.stringify(damage)}`)
  for (const told of writers) {
    const theirs = found.filter(({ stream }) => stream === told[0]?.commit.stream)
    const possible = told.filter(({ outcome }) => outcome !== 'none')
    const wanted = possible.slice(0, theirs.length).map(({ commit }) => commit)
    if (
      !isDeepStrictEqual(
        theirs.map(withData),
        wanted.map((commit, i) => ({ ...commit, position: theirs[i]?.position })),
      )
    )
      broken.push(
        `found ${theirs.map(({ commitId }) => commitId).join()} where ${wanted.map(({ commitId }) => commitId).join()} was handed in`,
      )
    for (const { commit, receipt } of told) {
      if (receipt === undefined) continue
      const at = theirs.find(({ commitId }) => commitId === commit.commitId)?.position
      if (at !== receipt.position) broken.push(`LOST: ${commit.commitId} was acknowledged at ${receipt.position} and is at ${at}`)
    }
  }
  const report = await store.verify()
  if (!report.ok) broken.push(`verify finds ${JSON.stringify(report.damage)}`)
  await store.close()
}
