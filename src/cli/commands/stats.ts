import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { session } from '../../index.js'
import { census, growth, type Census } from '../census.js'
import { EXIT, withJournal, type Command, type OpenedJournal } from '../command.js'
import { Progress } from '../progress.js'
import { bold, bytes, dim, oneLine, print, printJson, table, wrapped } from '../terminal.js'

/** Sessions and types that a person is shown, and periods of growth. */
const SHOWN_MAX = 10
const PERIODS_MAX = 14

/** How much there is. */
export const stats: Command = {
  name: 'stats',
  takes: ['<dir>'],
  says:
    'Count what a journal holds: how large it is and what of, how it grew, its largest sessions, which events, and the oldest schema.\n' +
    'Reads all of it, and works beside the runtime that writes. Sizes are those on the disk; what is derived comes back when it is deleted.',
  options: {},
  examples: ['stats ./.turnlog', 'stats ./.turnlog --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const counted = await counts(journal)
      if (given.json) printJson(counted)
      else tell(counted)
      return EXIT.fine
    }),
}

type Counted = Awaited<ReturnType<typeof counts>>

async function counts(journal: OpenedJournal) {
  const progress = new Progress('checking', 'bytes')
  const { events, commits } = await journal.verify({ progress: (done, total) => progress.show(done, total) })
  progress.part('counting', 'events')
  const { position } = journal.head
  const found = await census(journal.directory, position, (done) => progress.show(done, position))
  progress.end()
  const kept = new Set(journal.recovery.kept.map(({ type }) => type))
  return {
    ...{ events, commits, streams: found.streams.size, bytes: journal.bytes },
    sizes: sizesOf(journal.directory),
    growth: growth(found.days, PERIODS_MAX),
    largest: await largest(journal, found),
    types: Object.fromEntries(sorted(found.types)),
    old: Object.fromEntries(sorted(found.old)),
    unknown: Object.fromEntries(Array.from(kept, (type) => [type, found.types.get(type) ?? 0])),
  }
}

const sorted = (counted: ReadonlyMap<string, number>): [string, number][] => [...counted].toSorted(([, a], [, b]) => b - a)

async function largest(
  journal: OpenedJournal,
  { streams }: Census,
): Promise<{ stream: string; title?: string; events: number; bytes: number }[]> {
  const first = [...streams].toSorted(([, a], [, b]) => b.bytes - a.bytes).slice(0, SHOWN_MAX)
  const titled = async (stream: string): Promise<{ title?: string }> => {
    const { state } = await journal.view(session, stream)
    return state?.title === undefined ? {} : { title: state.title }
  }
  return Promise.all(first.map(async ([stream, amount]) => ({ stream, ...(await titled(stream)), ...amount })))
}

/** Bytes of the journal itself, and of each thing beside it. */
function sizesOf(directory: string): Record<string, number> {
  return Object.fromEntries(
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => [name, sizeOf(join(directory, name))]),
  )
}

/** A writer beside us may remove a file while we look. */
function sizeOf(directory: string): number {
  const files = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0), 0)
}

function tell({ events, commits, streams, bytes: size, ...of }: Counted): void {
  print(bold(`${events} events in ${commits} commits of ${streams} streams, ${bytes(size)}`))
  const sizes = Object.entries(of.sizes).map(([name, count]) => `${name} ${bytes(count)}`)
  for (const line of wrapped(`on the disk: ${sizes.join(', ')}`, 0)) print(line)
  part(
    'growth',
    ['events', 'size'],
    of.growth.map((one) => [one.period, one.events, bytes(one.bytes)]),
  )
  part(
    'largest',
    ['events', 'size', 'title'],
    of.largest.map((one) => [oneLine(one.stream), one.events, bytes(one.bytes), oneLine(one.title ?? '')]),
  )
  const types = Object.entries(of.types)
  part(
    'type',
    ['events', 'share'],
    types.slice(0, SHOWN_MAX).map(([type, count]) => [oneLine(type), count, share(count, events)]),
  )
  if (types.length > SHOWN_MAX) print(dim(`and ${types.length - SHOWN_MAX} more types: see --json`))
  print()
  print(oldest(of.old))
  for (const [type, count] of Object.entries(of.unknown))
    print(dim(`${count} of them are ${oneLine(type)}, which this program does not know`))
}

function part(name: string, columns: string[], rows: (string | number)[][]): void {
  if (rows.length > 0) print(`\n${table([[name, ...columns], ...rows])}`)
}

function share(count: number, all: number): string {
  return `${((count / all) * 100).toFixed(1)} %`
}

function oldest(old: Record<string, number>): string {
  const [first] = Object.keys(old).toSorted((a, b) => Number(a.split('@')[1]) - Number(b.split('@')[1]))
  const all = Object.values(old).reduce((sum, count) => sum + count, 0)
  if (first === undefined) return 'All events are stored in the schemas of today.'
  return `${all} events are stored in schemas before those of today, the oldest ${oneLine(first)}; turnlog upgrade rewrites them.`
}
