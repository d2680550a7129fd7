/** The follower's process, as the soak that began it sees it. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { programPath } from '../support/compiled.js'
import type { Sample } from './memory.js'

/** What it says at the end. */
export interface Followed {
  position: number
  /** Events that were not the next. */
  misplaced: number
  /** Of all events, one behind the other. */
  digest: string
  /** Of its views, which it folds itself. */
  prints: Record<string, string>
  samples: Sample[]
}

export interface Follower extends Disposable {
  /** Resolves with what it saw, once that reaches the position. */
  upTo(position: number): Promise<Followed>
}

/** Resolves once it follows. */
export async function beginFollower(directory: string, sampleMs: number): Promise<Follower> {
  const child = fork(programPath('test/soak/follower.ts'), [directory, String(sampleMs)])
  await answerOf(child)
  return {
    upTo: (position) => {
      child.send(position)
      return answerOf(child)
    },
    [Symbol.dispose]: () => void child.kill(),
  }
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const stop = new AbortController()
  const { signal } = stop
  const died = once(child, 'exit', { signal }).then(([code, by]) => Promise.reject(new Error(`the follower ended early (${by ?? code})`)))
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), died])) as [T]
    return answer
  } finally {
    stop.abort()
    died.catch(() => undefined)
  }
}
