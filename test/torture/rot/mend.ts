/** The judge of a hurt journal that is mended: repair and salvage lose nothing that can be read, and leave a journal that is whole. */
import { isDeepStrictEqual } from 'node:util'
import { isJournalError } from '../../../src/errors.js'
import { carryOut, planRepair } from '../../../src/storage/repair-plan.js'
import { salvageInto } from '../../../src/storage/salvage-journal.js'
import { contents, notes, openStore } from '../../storage/support/journal.js'
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import { DIRECTORY, textOf, type Golden } from './golden.js'
import { judgeReading } from './judge.js'

const TARGET = '/salvaged'

interface Seen {
  commits: ReadonlySet<string>
  position: number
  /** What is said to be damaged, by the opening and by `verify`. */
  damage: readonly unknown[]
}

/** Mends two copies, one in each way; returns what is wrong. */
export async function judgeMending(golden: Golden, files: MemoryFiles): Promise<string[]> {
  const before = await unlessRefused(() => seen(golden, files, DIRECTORY))
  const repaired = await judgeRepair(golden, files.copy(), before)
  const salvaged = await judgeSalvage(golden, files.copy(), before)
  return [...repaired.map((problem) => `repaired: ${problem}`), ...salvaged.map((problem) => `salvaged: ${problem}`)]
}

async function judgeRepair(golden: Golden, files: MemoryFiles, before: Seen | undefined): Promise<string[]> {
  const given = { ...golden.options, files, notes, admit: () => {}, lockWaitMs: 0 }
  const done = await unlessRefused(async () => carryOut(await planRepair(DIRECTORY, given), given))
  if (done === undefined) return before === undefined ? [] : ['is refused']
  const after = await seen(golden, files, DIRECTORY)
  const problems = lostIn(after, before)
  if (after.damage.length > 0) problems.push(`is not whole: ${JSON.stringify(after.damage)}`)
  const { damage, format } = await planRepair(DIRECTORY, given)
  if (damage.length > 0 || format) problems.push(`a second plan finds ${JSON.stringify(damage)}`)
  // Of a stream that ends before a gap nobody knows whether it went on in it: that is asked for by `gapsOf`, and not read.
  const short = / is short without a word$/
  const { problems: read } = await judgeReading(golden, files, { thorough: true })
  problems.push(...read.filter((problem) => !short.test(problem)))
  const store = await openStore(DIRECTORY, { ...golden.options, files, readOnly: true })
  for (const problem of read.filter((one) => short.test(one)))
    if ((await store.gapsOf(problem.replace(short, ''))).length === 0) problems.push(problem)
  await store.close()
  return problems
}

async function judgeSalvage(golden: Golden, files: MemoryFiles, before: Seen | undefined): Promise<string[]> {
  const done = await unlessRefused(() => salvageInto(DIRECTORY, TARGET, { ...golden.options, files, notes }))
  if (done === undefined) return before === undefined || before.commits.size === 0 ? [] : ['is refused']
  const after = await seen(golden, files, TARGET)
  const problems = lostIn(after, before)
  if (after.damage.length > 0) problems.push(`is not whole: ${JSON.stringify(after.damage)}`)
  const written = new Set([...golden.commits.values()].map(textOf))
  for (const commit of after.commits) if (!written.has(commit)) problems.push(`${commit} was never written`)
  // Positions that may have been told to somebody are given to nobody else.
  const end = Math.min(before?.position ?? 0, golden.last)
  if (after.position < end) problems.push(`ends at position ${after.position}, before ${end}`)
  return problems
}

async function seen(golden: Golden, files: MemoryFiles, directory: string): Promise<Seen> {
  const store = await openStore(directory, { ...golden.options, files, readOnly: true })
  try {
    const { commits } = await contents(store)
    const { damage } = await store.verify()
    const known = store.recovery.damage.filter((one) => !damage.some((other) => isDeepStrictEqual(one, other)))
    return { commits: new Set(commits.map(textOf)), position: store.head.position, damage: [...known, ...damage] }
  } finally {
    await store.close()
  }
}

function lostIn(after: Seen, before: Seen | undefined): string[] {
  return [...(before?.commits ?? [])].filter((commit) => !after.commits.has(commit)).map((commit) => `${commit} is lost`)
}

/** Undefined where it is refused in a way that a caller can tell. */
async function unlessRefused<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!isJournalError(error)) throw error
    return undefined
  }
}
