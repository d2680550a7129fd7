/** Holds a whole history against the laws, as if every commit were appended again. A journal written under other laws, or none, shows here what it holds. */
import type { CommitStore, Head, StoreReport } from '../storage/commit-store.js'
import type { LawBreak, Laws, LawStates } from './laws.js'

interface Checking {
  signal?: AbortSignal
  progress?: (done: number, total: number) => void
}

/** Every byte, and then every event: the second reading takes as many bytes as the first. */
export async function verifyWithLaws(
  store: CommitStore<LawStates>,
  laws: Laws,
  { progress, ...options }: Checking & { since?: Head },
): Promise<StoreReport & { breaks: LawBreak[] }> {
  let bytes = 0
  const report = await store.verify({ ...options, progress: (done, total) => progress?.(done, (bytes = total) * 2) })
  const end = store.head.position
  const passed = (position: number): void => progress?.(bytes * (1 + Math.min(1, position / end)), bytes * 2)
  return { ...report, breaks: await checkLaws(store, laws, passed, options.signal) }
}

/** Memory: one law state for each stream. Streams that lost events are left out: what is missing there is told as lost. */
async function checkLaws(
  store: CommitStore<LawStates>,
  laws: Laws,
  passed: (position: number) => void,
  signal?: AbortSignal,
): Promise<LawBreak[]> {
  const states = new Map<string, LawStates>()
  const breaks = new Map<string, LawBreak>()
  for await (const item of store.read({ signal })) {
    if ('gap' in item) continue
    for (const commit of item.commits) {
      passed(commit.position)
      const judged = laws.judge(states.get(commit.stream) ?? laws.initial(), commit)
      states.set(commit.stream, judged.states)
      for (const one of judged.breaks) {
        // What is missing stays missing: it is told of once.
        const key = JSON.stringify([one.stream, one.law, one.type, one.reason])
        if (!breaks.has(key)) breaks.set(key, one)
      }
    }
  }
  const lossy = new Map<string, boolean>()
  for (const { stream } of breaks.values()) if (!lossy.has(stream)) lossy.set(stream, (await store.gapsOf(stream)).length > 0)
  return [...breaks.values()].filter(({ stream }) => lossy.get(stream) === false)
}
