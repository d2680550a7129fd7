/** The doctor: every kind of finding is provoked; what is called repairable is mended by the command that is named, and not found again. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Item, Kind } from '../../src/cli/doctor/item.js'
import { events, openJournal, upgradeJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { dyingFiles } from '../support/dying-files.js'
import { goldenPlace } from '../support/golden.js'
import { filesIn } from '../support/files-in.js'
import { copyTo, newestSegment, notes, note, openNotes, printOf, quietPrintOf } from '../support/journal.js'
import { turnlog } from '../support/turnlog.js'

/** On a disk: what lies in memory is odd. */
const base = mkdtempSync(join(tmpdir(), 'turnlog-doctor-'))
const whole = join(base, 'whole')
/** As a crash leaves it: a turn runs, nothing is closed. */
const crashed = join(base, 'crashed')

const begin = (turnId: string) => [
  { type: 'session.created' as const, data: { title: turnId } },
  { type: 'thread.started' as const, data: { threadId: 'main' } },
  { type: 'turn.submitted' as const, data: { threadId: 'main', turnId, input: [] } },
]

beforeAll(async () => {
  const journal = await openJournal(whole, { segmentBytes: 4096 })
  for (let n = 0; n < 40; n++) {
    const id = `session-${n % 4}`
    await journal.append(id, n < 4 ? begin(`t${n}`) : [{ type: 'session.updated', data: { title: `${id} in its ${n} th state` } }])
  }
  await journal.append('session-0', [{ type: 'turn.started', data: { turnId: 't0' } }])
  await journal.snapshot()
  copyTo(whole, crashed)
  await journal.append('session-0', [{ type: 'turn.completed', data: { turnId: 't0' } }])
  await journal.close()
})
afterAll(() => rmSync(base, { recursive: true }))

let copies = 0

function copy(of = whole): string {
  const directory = join(base, `copy-${copies++}`)
  cpSync(of, directory, { recursive: true })
  return directory
}

interface Page {
  exit: number
  status: string
  summary: { ok: number; repairable: number; needsAPerson: number }
  items: Item[]
}

/** What the doctor says; nothing below the directory changes. */
async function doctor(directory: string): Promise<Page> {
  const before = existsSync(directory) ? printOf(directory) : {}
  const { exit, out } = await turnlog('doctor', directory, '--json')
  if (existsSync(directory)) expect(printOf(directory)).toEqual(before)
  return { ...(JSON.parse(out) as Omit<Page, 'exit'>), exit }
}

const odd = ({ items }: Page): Item[] => items.filter(({ category }) => category !== 'ok')

function spoil(path: string, at: (bytes: Buffer) => number): void {
  const bytes = readFileSync(path)
  bytes[at(bytes)]! ^= 1
  writeFileSync(path, bytes)
}

const file = (directory: string, ending: string, nth = 0): string =>
  join(directory, filesIn(directory).filter((name) => name.endsWith(ending))[nth] as string)

function mark(directory: string, name: string): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true })
  writeFileSync(join(directory, name), '')
}

describe('what is repairable', () => {
  const cases: [what: string, kind: Kind, provoke: () => string | Promise<string>][] = [
    ['a bit of an event', 'damage', () => spoiled((directory) => spoil(file(directory, '.seg', 1), (bytes) => bytes.indexOf('th state')))],
    ['a bit of a header', 'damage', () => spoiled((directory) => spoil(file(directory, '.seg', 1), () => 20))],
    ['a segment that is gone', 'damage', () => spoiled((directory) => rmSync(file(directory, '.seg', 1)))],
    ['the first segment gone', 'damage', () => spoiled((directory) => rmSync(file(directory, '.seg')))],
    ['the newest segment gone', 'damage', () => spoiled((directory) => rmSync(newestSegment(directory)))],
    [
      'a segment under a wrong number',
      'damage',
      () => spoiled((directory) => copyFileSync(file(directory, '.seg', 1), join(directory, 'journal', '00000077-000000000900.seg'))),
    ],
    ['a FORMAT that says nothing', 'format', () => spoiled((directory) => writeFileSync(join(directory, 'FORMAT'), 'hello'))],
    ['no FORMAT', 'format', () => spoiled((directory) => rmSync(join(directory, 'FORMAT')))],
    ['an end that nothing proves', 'end', () => copyless(crashed, (directory) => rmSync(join(directory, 'head')))],
    ['an index that is missing', 'index', () => spoiled((directory) => rmSync(file(directory, '.idx')))],
    ['an index whose first page rotted', 'index', () => spoiled((directory) => spoil(file(directory, '.idx', 1), () => 9))],
    ['an index of which a page in the middle rotted', 'index', () => paged()],
    ['a snapshot that rotted', 'snapshot', () => spoiled((directory) => spoil(file(directory, '.snap'), (bytes) => bytes.length - 1))],
    ['derived state on which a process died', 'derived', () => spoiled((directory) => mark(directory, 'derived/opening'))],
    [
      'derived state that nobody closed, twice',
      'derived',
      () => spoiled((directory) => (mark(directory, 'derived/unclean-1'), mark(directory, 'derived/unclean-2'))),
    ],
    ['derived state that rotted', 'derived', () => spoiled((directory) => spoil(file(directory, 'CURRENT'), () => 3))],
    [
      'a segment that was not finished',
      'leftover',
      () => spoiled((directory) => mark(directory, 'journal/00000099-000000000099.seg.0123456789ab.tmp')),
    ],
    [
      'a snapshot that was not finished',
      'leftover',
      () => spoiled((directory) => mark(directory, 'snapshots/session/000000000001.snap.0123456789ab.tmp')),
    ],
    ['an upgrade that was not finished', 'upgrade', () => upgraded(25)],
    ['an upgrade that was cut in its swap', 'upgrade', () => swapCut()],
  ]
  function spoiled(how: (directory: string) => unknown): string {
    return copyless(whole, how)
  }
  function copyless(of: string, how: (directory: string) => unknown): string {
    const directory = copy(of)
    how(directory)
    return directory
  }
  /** With an index of several pages, none of which an open has to read. */
  async function paged(): Promise<string> {
    const directory = join(base, `paged-${copies++}`)
    {
      await using journal = await openJournal(directory)
      await Promise.all(
        Array.from({ length: 2000 }, (_, n) => journal.append(`s-${n}`, [{ type: 'session.created', data: { title: 'x'.repeat(200) } }])),
      )
    }
    const index = file(directory, '.idx')
    expect(readFileSync(index).length).toBeGreaterThan(8 * 4096)
    spoil(index, () => 3 * 4096 + 7)
    return directory
  }
  async function upgraded(at: number): Promise<string> {
    const directory = copy(join(goldenPlace, 'format-1/first-schemas'))
    await expect(upgradeJournal(directory, { files: dyingFiles(at) })).rejects.toThrow('dead')
    return directory
  }
  async function swapCut(): Promise<string> {
    const directory = copy(join(goldenPlace, 'format-1/first-schemas'))
    await upgradeJournal(directory)
    renameSync(directory, `${directory}.upgraded`)
    return directory
  }

  test.each(cases)('%s is one finding of kind %s, is mended by the command it names, and is not found again', async (_, kind, provoke) => {
    const directory = await provoke()
    const found = await doctor(directory)
    expect(odd(found)).toMatchObject([{ kind, category: 'repairable' }])
    expect(found).toMatchObject({ status: 'repairable', exit: kind === 'damage' || kind === 'format' ? 3 : 0, summary: { repairable: 1 } })
    const command = odd(found)[0]!.command as string
    expect(command).toMatch(/^turnlog (repair|upgrade) /)
    expect((await turnlog('doctor', directory)).out).toContain(`Next: ${command}`)
    const mended = await turnlog(...command.split(' ').slice(1))
    expect(mended).toMatchObject({ exit: 0, errors: '' })
    const after = await doctor(directory)
    expect(odd(after)).toEqual([])
    expect(after).toMatchObject({ status: 'ok', exit: 0 })
    expect(after.items.filter((item) => item.kind === 'gap')).toHaveLength(kind === 'damage' ? 1 : 0)
    if (!command.startsWith('turnlog repair')) return
    // A repair says what was before, and finds nothing after: it changes nothing the second time.
    const settled = printOf(directory)
    expect((await turnlog(...command.split(' ').slice(1))).out).toContain('nothing to repair')
    expect(printOf(directory)).toEqual(settled)
    await (await openJournal(directory)).close()
    expect(odd(await doctor(directory))).toEqual([])
  })

  test('many at once are as many findings, and one command mends them', async () => {
    const directory = copy()
    spoil(file(directory, '.seg', 1), (bytes) => bytes.indexOf('th state'))
    rmSync(file(directory, '.idx'))
    spoil(file(directory, '.snap'), (bytes) => bytes.length - 1)
    mark(directory, 'derived/opening')
    const found = await doctor(directory)
    expect(odd(found).map(({ kind }) => kind)).toEqual(['damage', 'index', 'snapshot', 'derived'])
    expect(new Set(odd(found).map(({ command }) => command)).size).toBe(1)
    expect((await turnlog(...(odd(found)[0]!.command as string).split(' ').slice(1))).exit).toBe(0)
    expect(odd(await doctor(directory))).toEqual([])
  })
})

describe('what needs a person', () => {
  const about = { threadId: 'main', turnId: 't1', attempt: 1 }
  /** A journal that was written under no law. */
  async function lawless(...commits: unknown[][]): Promise<string> {
    const directory = join(base, `lawless-${copies++}`)
    await using journal = await openJournal(directory, { events, upcasters, laws: [] })
    for (const commit of commits) await journal.append('session-1', commit as Parameters<typeof journal.append>[1])
    return directory
  }
  const started = [...begin('t1'), { type: 'turn.started', data: about }]
  const end = { type: 'turn.completed', data: about }
  const call = { type: 'tool.started', data: { ...about, callId: 'c1' } }
  const asked = { type: 'tool.requested', data: { ...about, callId: 'c1', name: 'read', arguments: {} } }

  const cases: [what: string, kind: Kind, provoke: () => string | Promise<string>][] = [
    ['a second end of a turn', 'collision', () => lawless(started, [end], [end])],
    ['a call without an outcome', 'orphan-call', () => lawless(started, [asked, call], [end], [{ type: 'session.updated', data: {} }])],
    ['events that do not follow', 'law', () => lawless([...begin('t1'), begin('t1')[0], begin('t1')[1]])],
    ['turns outside of any session', 'unlisted', () => lawless(started.slice(1))],
    ['a parent that is not there', 'parent', () => lawless([{ type: 'session.created', data: { parent: { stream: 'session-0' } } }])],
    ['a format of tomorrow', 'unreadable', () => changed((directory) => writeFileSync(join(directory, 'FORMAT'), 'turnlog 2\n'))],
    [
      'a link in the place of a file',
      'unreadable',
      () =>
        changed(
          (directory) => (
            renameSync(join(directory, 'head'), `${directory}-head`),
            symlinkSync(`${directory}-head`, join(directory, 'head'))
          ),
        ),
    ],
    ['an upgrade of a journal that is gone', 'upgrade', () => changed((directory) => renameSync(directory, `${directory}.upgraded`))],
  ]
  function changed(how: (directory: string) => unknown): string {
    const directory = copy()
    how(directory)
    return directory
  }

  test.each(cases)('%s is one finding of kind %s, and says what is known', async (_, kind, provoke) => {
    const directory = await provoke()
    const found = await doctor(directory)
    expect(odd(found)).toMatchObject([{ kind, category: 'needs-a-person' }])
    expect(found).toMatchObject({ status: 'needs-a-person', exit: kind === 'unreadable' ? 1 : 0 })
    const { out } = await turnlog('doctor', directory)
    expect(out).toMatch(/^look {2}/m)
    expect(out).not.toContain('Next:')
  })

  test.runIf(existsSync('/dev/shm'))('a place that forgets', async () => {
    const directory = mkdtempSync('/dev/shm/turnlog-doctor-')
    cpSync(whole, directory, { recursive: true })
    expect(odd(await doctor(directory))).toMatchObject([{ kind: 'place', what: expect.stringContaining('tmpfs') as string }])
    rmSync(directory, { recursive: true })
  })

  test('damage to a journal whose events the command line does not know', async () => {
    const directory = join(base, 'own')
    {
      await using journal = await openNotes(directory)
      for (let n = 0; n < 9; n++) await journal.append('notebook', [note(`text ${n} of it`)])
    }
    expect(Object.keys(notes.definitions)).toEqual(['note.added'])
    expect(odd(await doctor(directory))).toEqual([])
    spoil(newestSegment(directory), (bytes) => bytes.indexOf('text 4'))
    const [item] = odd(await doctor(directory))
    expect(item).toMatchObject({ kind: 'damage', category: 'needs-a-person' })
    expect((await turnlog(...(item!.command as string).split(' ').slice(1))).exit).toBe(0)
    expect(odd(await doctor(`${directory}-salvaged`))).toEqual([])
  })
})

describe('what is good', () => {
  test('is told of a whole journal: what waits in it, and that there is nothing to do', async () => {
    const { items, status, exit } = await doctor(whole)
    expect({ status, exit }).toEqual({ status: 'ok', exit: 0 })
    expect(items.map(({ kind }) => kind)).toEqual(['journal', 'pending'])
    expect((await turnlog('doctor', whole)).out).toContain('There is nothing to do.')
    const later = await doctor(crashed)
    expect(later.items.map(({ kind }) => kind)).toEqual(['journal', 'pending', 'interrupted'])
  })

  test('is told beside a running writer, whose files are its own', async () => {
    const directory = copy()
    await using journal = await openJournal(directory)
    await journal.append('session-1', [{ type: 'session.updated', data: { title: 'now' } }])
    await quietPrintOf(directory)
    const { items, exit } = await doctor(directory)
    expect(exit).toBe(0)
    expect(items.map(({ kind }) => kind)).toEqual(['journal', 'writer', 'pending'])
  })

  test('holds old schemas, which an upgrade rewrites, and the journal from before it', async () => {
    const directory = copy(join(goldenPlace, 'format-1/first-schemas'))
    const old = (await doctor(directory)).items.find(({ kind }) => kind === 'old-schema')
    expect(old).toMatchObject({ category: 'ok' })
    expect((await turnlog(...(old!.command as string).split(' ').slice(1))).exit).toBe(0)
    const after = await doctor(directory)
    expect(odd(after)).toEqual([])
    expect(after.items.map(({ kind }) => kind)).not.toContain('old-schema')
    expect(after.items.find(({ kind }) => kind === 'upgrade')).toMatchObject({ category: 'ok' })
  })

  test('is nothing where there is no journal', async () => {
    const { exit, errors } = await turnlog('doctor', join(base, 'nowhere'))
    expect(exit).toBe(1)
    expect(errors).toContain('JOURNAL_NOT_FOUND')
    const letters = join(base, 'letters')
    mkdirSync(letters)
    copyFileSync(join(whole, 'FORMAT'), join(letters, 'letter.txt'))
    expect((await turnlog('doctor', letters)).exit).toBe(1)
  })
})
