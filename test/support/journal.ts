/** What tests of the whole journal need: directories that go away, crash images, prints of what lies on the disk, and a disk that fails. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { all } from './all.js'
import { z } from 'zod'
import {
  defineEvents,
  defineProjection,
  isJournalError,
  openJournal,
  type Journal,
  type JournalError,
  type JournalErrorCode,
  type JournalOptions,
} from '../../src/index.js'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import type { FileHandle, Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { programPath } from './compiled.js'
import { filesIn } from './files-in.js'
import { root } from './root.js'

/** A directory in memory where there is one: what is tested here is order and content, not the disk. */
const base = firstWritable(['/dev/shm', tmpdir()])

/** A directory that exists and is gone after the test. */
export function temporary(): string {
  const directory = mkdtempSync(join(base, 'turnlog-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A new directory within a test, removed by whoever asked. */
export function scratch(): { directory: string; remove: () => void } {
  const directory = mkdtempSync(join(base, 'turnlog-test-'))
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** LevelDB's lock must not be opened by the process that holds it: closing it would release it. */
const LEVEL_LOCK = join('derived', 'LOCK')

/** Copies a journal as a crash would leave it now, at one moment of this process. */
export function copyTo(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const file of filesIn(from)) {
    if (file === LEVEL_LOCK) continue
    mkdirSync(join(to, file, '..'), { recursive: true })
    copyFileSync(join(from, file), join(to, file))
  }
}

/** A copy of a journal as a crash would leave it now; gone after the test. */
export function image(of: string): string {
  const directory = join(temporary(), 'journal')
  copyTo(of, directory)
  return directory
}

/** Turns a bit where a text stands in a segment. */
export function spoil(directory: string, text: string): void {
  for (const name of readdirSync(join(directory, 'journal')).filter((one) => one.endsWith('.seg'))) {
    const path = join(directory, 'journal', name)
    const bytes = readFileSync(path)
    const at = bytes.indexOf(text)
    if (at < 0) continue
    bytes[at]! ^= 1
    writeFileSync(path, bytes)
    return
  }
  throw new Error(`${text} stands nowhere`)
}

/** Names and contents of everything below a directory, as one hash. */
export function hashOf(directory: string, only: (file: string) => boolean = () => true): string {
  const hash = createHash('sha256')
  for (const file of filesIn(directory)) {
    if (file === LEVEL_LOCK || !only(file)) continue
    hash.update(JSON.stringify(file)).update(readFileSync(join(directory, file)))
  }
  return hash.digest('hex')
}

/** Names, sizes, contents and times of change of everything below a directory, directories included. */
export function printOf(directory: string): Record<string, string> {
  const names = ['.', ...readdirSync(directory, { recursive: true }).map(String)].toSorted()
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, name)
      const stat = statSync(path, { bigint: true })
      const content = stat.isFile() && name !== LEVEL_LOCK ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return [name, `${stat.mtimeNs} ${stat.size} ${content}`]
    }),
  )
}

/** The same, once a writer has nothing more on its way there. */
export async function quietPrintOf(directory: string): Promise<Record<string, string>> {
  for (let print = printOf(directory); ;) {
    await new Promise((resolve) => setTimeout(resolve, 700))
    const next = printOf(directory)
    if (JSON.stringify(next) === JSON.stringify(print)) return next
    print = next
  }
}

/** Path of the newest segment. */
export function newestSegment(directory: string): string {
  const names = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.seg'))
  return join(directory, 'journal', names.toSorted().at(-1)!)
}

/** The error that a promise rejects with, which must carry this code. */
export async function rejection<C extends JournalErrorCode>(promise: Promise<unknown>, code: C): Promise<JournalError<C>> {
  const error = await promise.then(
    () => new Error(`resolved, but should have rejected with ${code}`),
    (reason: unknown) => reason,
  )
  if (!isJournalError(error, code)) throw error
  return error
}

export { all }

export type Failure = 'EIO' | 'ENOSPC' | 'short'

/** Which call fails, and how. */
export interface Plan {
  call: 'write' | 'datasync'
  /** 1 is the first call after `arm`. */
  nth: number
  failure: Failure
  /** Every such call from the nth on, not that one alone. */
  forEver?: boolean
  /** Only files whose path matches. */
  path?: RegExp
}

/** The file port on the real file system, with a failure planned for it. */
export interface FailingFiles extends Files {
  /** Begins to count calls. */
  arm(plan: Plan): void
  /** Calls that were made to fail. */
  readonly failures: number
}

/** A `short` write takes half of what it is given, a `short` datasync is an EIO. */
export function failingFiles(): FailingFiles {
  let plan: Plan | undefined
  let calls = 0
  let failures = 0
  const fails = (call: Plan['call'], path: string): Failure | undefined => {
    if (plan === undefined || plan.call !== call || (plan.path !== undefined && !plan.path.test(path))) return undefined
    calls++
    if (calls !== plan.nth && !(plan.forEver === true && calls > plan.nth)) return undefined
    failures++
    return plan.failure
  }
  return {
    ...nodeFiles,
    arm(next) {
      plan = next
      calls = 0
    },
    get failures() {
      return failures
    },
    async open(path, flag) {
      return failingFile(await nodeFiles.open(path, flag), (call) => fails(call, path))
    },
  }
}

/** Files of which no segment is synced before `sync` is called. */
export function syncingLate(): { files: Files; sync: () => void } {
  let sync = (): void => {}
  const may = new Promise<void>((resolve) => (sync = resolve))
  const files = filesOver(nodeFiles, {
    async open(path, flag) {
      const file = await nodeFiles.open(path, flag)
      return handleOver(file, { datasync: path.endsWith('.seg') ? () => may.then(() => file.datasync()) : () => file.datasync() })
    },
  })
  return { files, sync }
}

function failingFile(file: FileHandle, fails: (call: Plan['call']) => Failure | undefined): FileHandle {
  return handleOver(file, {
    write: (bytes, offset) => {
      const failure = fails('write')
      if (failure === 'short') return file.write(bytes.subarray(0, Math.max(1, bytes.length >> 1)), offset)
      if (failure !== undefined) return Promise.reject(systemError(failure, 'write'))
      return file.write(bytes, offset)
    },
    datasync: async () => {
      const failure = fails('datasync')
      if (failure !== undefined) throw systemError(failure === 'short' ? 'EIO' : failure, 'fdatasync')
      return file.datasync()
    },
  })
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: made to fail, ${syscall}`), { code, syscall })
}

/** Runs a module's source in another process, with the sources of this repository at hand; resolves with what it printed. */
export function inAnotherProcess(source: string, args: readonly string[]): Child {
  const code = `import { openJournal, defineEvents, defineProjection, isJournalError } from ${JSON.stringify(programPath('src/index.ts'))}\nimport { z } from ${JSON.stringify(join(root, 'node_modules/zod/index.js'))}\n${source}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  const waiting: { text: string; done: () => void }[] = []
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString()
    for (const waiter of waiting.splice(0)) {
      if (out.includes(waiter.text)) waiter.done()
      else waiting.push(waiter)
    }
  })
  child.stderr.on('data', (data: Buffer) => (err += data.toString()))
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) =>
      status === 0 || signal !== null ? resolve(out) : reject(new Error(`ended with ${status}: ${err}`)),
    )
  })
  ended.catch(() => undefined)
  return {
    ended,
    printed: (text) =>
      out.includes(text)
        ? Promise.resolve()
        : Promise.race([new Promise<void>((done) => waiting.push({ text, done })), ended.then(() => undefined)]),
    kill: () => void child.kill('SIGKILL'),
    go: () => void child.stdin.end('go\n'),
  }
}

export interface Child {
  /** What it printed, once it ended. */
  ended: Promise<string>
  /** Resolves when it has printed a text, or ended. */
  printed(text: string): Promise<void>
  kill(): void
  /** Ends its standard input. */
  go(): void
}

/** A small catalogue: notes that are added to a stream, and one view that counts them. */
export const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })

export const tally = defineProjection(notes, {
  name: 'tally',
  revision: 1,
  state: z.object({ notes: z.number(), last: z.string(), at: z.number() }),
  key: (event) => event.stream,
  initial: () => ({ notes: 0, last: '', at: 0 }),
  index: { last: (state) => state.last, at: (state) => state.at },
  on: { 'note.added': (state, { data, position }) => ({ notes: state.notes + 1, last: data.text, at: position }) },
})

/** The tally at a revision, which is in its state as long as no other has gone on from it. */
export const tallyAt = (revision: number) =>
  defineProjection(notes, {
    name: 'tally',
    revision,
    state: z.object({ notes: z.number(), by: z.number() }),
    key: (event) => event.stream,
    initial: () => ({ notes: 0, by: revision }),
    on: { 'note.added': (state) => ({ ...state, notes: state.notes + 1 }) },
  })

export type NotesJournal = Journal<(typeof notes)['definitions'], never>

export const note = (text: string): { type: 'note.added'; data: { text: string } } => ({ type: 'note.added', data: { text } })

/** Opens a journal of notes. */
export function openNotes(directory: string, options: JournalOptions = {}): Promise<NotesJournal> {
  return openJournal(directory, { events: notes, projections: [tally], ...options })
}

/** Texts of all notes, in the order of their positions. */
export async function texts(journal: NotesJournal, onGap: 'throw' | 'yield' = 'throw'): Promise<string[]> {
  return (await all(journal.readAll({ onGap }))).flatMap((item) => (item.type === undefined ? [] : [item.data.text]))
}

/** Every row of the tally and every order of it. */
export async function tallies(journal: NotesJournal): Promise<unknown> {
  const rows = async (by?: string): Promise<unknown[]> =>
    (await all(journal.list(tally, by === undefined ? {} : { by }))).map(({ key, state }) => ({ key, state }))
  return { keys: await rows(), last: await rows('last'), at: await rows('at') }
}

function firstWritable(directories: readonly string[]): string {
  for (const directory of directories) {
    try {
      accessSync(directory, constants.W_OK)
      return directory
    } catch {
      // The next one, then.
    }
  }
  return tmpdir()
}
