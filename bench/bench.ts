/** What measures share: a place on the disk, histories that are loaded once, processes of their own. */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender } from './stores/store.js'
import { history, type Commit, type Shape } from './workload.js'

/** Commits on their way while a history is loaded. */
const LOADING_COMMITS = 256

export class Bench {
  readonly quick: boolean
  readonly #directory: string
  readonly #say: (text: string) => void
  readonly #histories = new Map<string, Promise<string>>()

  constructor(directory: string, quick: boolean, say: (text: string) => void) {
    this.#directory = directory
    this.quick = quick
    this.#say = say
  }

  /** In the working directory, because a temporary directory may be in memory, where a sync costs nothing. */
  static async run(quick: boolean, say: (text: string) => void, run: (bench: Bench) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(process.cwd(), '.bench-'))
    try {
      await run(new Bench(directory, quick, say))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** A size, or what there is time for. */
  size(full: number, quick: number): number {
    return this.quick ? quick : full
  }

  async inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
    const directory = await mkdtemp(join(this.#directory, 'one-'))
    try {
      return await run(directory)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Where a contender has a history, in order and closed. Loaded when it is first asked for; measures leave it as it is. */
  history(contender: Contender, shape: Shape, atOnce = LOADING_COMMITS): Promise<string> {
    const { mix, events, streams, commit } = shape
    const name = [contender.name, mix.name, events, streams, commit, atOnce].join('-').replaceAll(/\W+/g, '-')
    let path = this.#histories.get(name)
    if (path === undefined) {
      path = this.#load(contender, shape, atOnce, join(this.#directory, name))
      this.#histories.set(name, path)
    }
    return path
  }

  /** A directory of a measure's own making, kept until the end. */
  async make(fill: (directory: string) => Promise<void>): Promise<string> {
    const directory = await mkdtemp(join(this.#directory, 'made-'))
    await fill(directory)
    return directory
  }

  async copyOf<T>(path: string, run: (directory: string) => Promise<T>): Promise<T> {
    return this.inDirectory(async (directory) => {
      await cp(path, directory, { recursive: true })
      return run(directory)
    })
  }

  async #load(contender: Contender, shape: Shape, atOnce: number, path: string): Promise<string> {
    await mkdir(path, { recursive: true })
    const store = await contender.open(path, true)
    try {
      let done = 0
      for (const some of batches(history(shape), atOnce)) {
        await Promise.all(some.map((commit) => store.append(commit)))
        done += some.reduce((sum, { events }) => sum + events.length, 0)
        this.#say(`loading ${contender.name}, ${shape.mix.name}: ${done.toLocaleString('en')} of ${shape.events.toLocaleString('en')}`)
      }
    } finally {
      await store.close()
    }
    return path
  }
}

function* batches(commits: Iterable<Commit>, size: number): Generator<Commit[]> {
  let batch: Commit[] = []
  for (const commit of commits) {
    batch.push(commit)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  yield batch
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await run()
  return (performance.now() - began) / 1000
}

export interface Child<T> {
  /** What the function resolved with; undefined where it ended the process instead. */
  result: T | undefined
  /** Most memory that was resident and belonged to no file, looked at every few milliseconds. */
  anonymousBytes: number
}

/** Runs an exported function of a module in a process of its own, as if nothing had been done before. */
export async function inChild<T>(
  module: string,
  name: string,
  args: readonly unknown[],
  options: { heapMb?: number } = {},
): Promise<Child<T>> {
  const execArgv = options.heapMb === undefined ? [] : [`--max-old-space-size=${options.heapMb}`]
  const child = fork(fileURLToPath(new URL('child.js', import.meta.url)), [module, name, JSON.stringify(args)], { execArgv })
  let result: T | undefined
  let failed: string | undefined
  let anonymousBytes = 0
  child.on('message', (message: { result?: T; failed?: string }) => {
    result = message.result
    failed = message.failed
  })
  const look = setInterval(() => {
    anonymousBytes = Math.max(anonymousBytes, anonymousOf(child.pid))
  }, 10)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (ended, by) => resolve([ended, by]))
  })
  clearInterval(look)
  if (failed !== undefined) throw new Error(`${name}: ${failed}`)
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`${name} ended with ${code ?? signal}`)
  return { result, anonymousBytes }
}

/** What the function resolved with. */
export async function fromChild<T>(module: string, name: string, args: readonly unknown[]): Promise<T> {
  const { result } = await inChild<T>(module, name, args)
  if (result === undefined) throw new Error(`${name} ended its process without a result`)
  return result
}

function anonymousOf(pid: number | undefined): number {
  try {
    const [, kilobytes = '0'] = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes) * 1024
  } catch {
    // It has ended.
    return 0
  }
}
