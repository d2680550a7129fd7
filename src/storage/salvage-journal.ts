/** Salvage: carries every commit that is intact into a new journal, at its position, with a gap wherever something is lost. */
import type { Damage } from '../errors.js'
import type { StreamNotes } from './commit-store.js'
import type { Clock, Files } from './files.js'
import { damageOf, type Lost } from './gap-record.js'
import { guarded } from './guard.js'
import { nodeFiles } from './node-files.js'
import { SalvageSource } from './salvage-source.js'
import { SalvageTarget } from './salvage-target.js'
import { mustBeEmpty } from './segments.js'
import type { SurveyOptions } from './survey.js'
import { systemClock } from './system-clock.js'
import type { Unread } from './tolerant-files.js'

export interface SalvageOptions<Note> {
  notes: StreamNotes<Note>
  files?: Files | undefined
  clock?: Clock | undefined
  segmentBytes?: number | undefined
  /** Only looks: says what would be carried over, and changes nothing. */
  dryRun?: boolean | undefined
}

export interface SalvageReport {
  position: number
  /** Absent where nothing was written that has one. */
  digest?: string
  dryRun: boolean
  commits: number
  events: number
  /** What could not be carried over. */
  gaps: Damage[]
  /** Files that the disk did not give, or that are none of ours in the place of one: passed over as if they were not there. */
  unread: readonly Unread[]
}

/**
 * The old directory is only read, whatever state it is in.
 * @throws JournalError JOURNAL_NOT_FOUND where nothing is left, JOURNAL_IO where the new directory is not empty, JOURNAL_DISK_FULL
 */
export async function salvageInto<Note>(
  from: string,
  to: string,
  { notes, files: port = nodeFiles, clock = systemClock, segmentBytes, dryRun = false }: SalvageOptions<Note>,
  reading: SurveyOptions = {},
): Promise<SalvageReport> {
  const source = await SalvageSource.open(from, port)
  const files = guarded(port, to)
  try {
    if (dryRun) return await rehearse(source, to, { files, clock }, reading)
    const target = await SalvageTarget.begin(to, source.journal, { files, clock, notes, segmentBytes })
    try {
      const report = await carry(source, target, clock, reading)
      return { ...report, ...target.head, dryRun }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** What a salvage writes to, or would. */
type Target = Pick<SalvageTarget<unknown>, 'group' | 'gap' | 'end'> & { readonly head: { position: number } }

async function rehearse(
  source: SalvageSource,
  to: string,
  { files, clock }: { files: Files; clock: Clock },
  reading: SurveyOptions,
): Promise<SalvageReport> {
  await mustBeEmpty(files, to)
  const head = { position: 0 }
  const target: Target = {
    head,
    group: async ({ first, events }) => void (head.position = first + events - 1),
    gap: async ({ last }) => void (head.position = last),
    end: async () => {},
  }
  return { ...(await carry(source, target, clock, reading)), ...head, dryRun: true }
}

async function carry(
  source: SalvageSource,
  target: Target,
  clock: Clock,
  { signal, progress }: SurveyOptions,
): Promise<Pick<SalvageReport, 'commits' | 'events' | 'gaps' | 'unread'>> {
  const report = { commits: 0, events: 0, gaps: [] as Damage[], unread: source.unread }
  const pass = async (upTo: number): Promise<void> => {
    if (upTo <= target.head.position) return
    const at = clock.now()
    for (const lost of lostBetween(source.known, target.head.position + 1, upTo)) {
      await target.gap(lost, at)
      report.gaps.push(damageOf({ ...lost, at }))
    }
  }
  for await (const group of source.intact()) {
    signal?.throwIfAborted()
    await pass(group.first - 1)
    await target.group(group)
    report.commits += group.records
    report.events += group.events
    progress?.(source.done, source.bytes)
  }
  await pass(source.end)
  await target.end()
  progress?.(source.bytes, source.bytes)
  return report
}

const UNKNOWN = { segment: '', offset: 0, bytes: 0, reason: 'not intact where it was salvaged from' }

/** Positions that are not there, parted by what was known of them before. */
function* lostBetween(known: readonly Lost[], first: number, last: number): Generator<Lost> {
  let from = first
  for (const gap of known.toSorted((a, b) => a.first - b.first)) {
    if (gap.last < from || gap.first > last) continue
    if (gap.first > from) yield { first: from, last: gap.first - 1, ...UNKNOWN }
    const until = Math.min(gap.last, last)
    yield partOf(gap, Math.max(gap.first, from), until)
    from = until + 1
  }
  if (from <= last) yield { first: from, last, ...UNKNOWN }
}

function partOf({ segment, offset, bytes, reason, streams }: Lost, first: number, last: number): Lost {
  return { first, last, segment, offset, bytes, reason, ...(streams === undefined ? {} : { streams }) }
}
