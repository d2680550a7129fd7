/** Reads every byte of a journal that counts, and changes nothing. */
import type { Damage } from '../errors.js'
import type { Head, StoreReport } from '../storage/commit-store.js'
import { damageOf } from './group.js'
import { readGroups } from './reading.js'
import { segmentName } from './segment.js'
import type { Segments } from './segments.js'

/** Cost: linear in the journal; memory: one version for each stream. */
export async function verify(
  segments: Segments,
  { head, journalId, known }: { head: Head; journalId: string; known: readonly Damage[] },
  { signal, progress }: { signal?: AbortSignal; progress?(done: number, total: number): void },
): Promise<StoreReport> {
  const damage = new Map<string, Damage>()
  const add = (one: Damage): void => void damage.set(`${one.segment}@${one.offset}`, { ...damage.get(`${one.segment}@${one.offset}`), ...one })
  const versions = new Map<string, number>()
  let commits = 0
  let events = 0
  const range = {
    after: 0,
    upTo: head.position,
    journalId,
    digests: true,
    damaged: (bad: Parameters<typeof damageOf>[1], segment: Parameters<typeof segmentName>[0], firstPosition: number) => add(damageOf(segmentName(segment), bad, firstPosition, undefined)),
  }
  for (const one of known) add(one)
  for await (const item of readGroups(segments, signal === undefined ? range : { ...range, signal })) {
    if ('gap' in item) {
      add(item.gap)
      continue
    }
    for (const commit of item.commits) {
      commits++
      events += commit.events.length
      const expected = (versions.get(commit.stream) ?? 0) + 1
      if (commit.version !== expected && damage.size === 0) {
        add({ segment: '', offset: 0, bytes: 0, firstPosition: commit.position, streams: [commit.stream], reason: `version ${commit.version} follows ${expected - 1}` })
      }
      versions.set(commit.stream, commit.version + commit.events.length - 1)
    }
    progress?.(item.head.position, head.position)
  }
  return { ok: damage.size === 0, head, commits, events, damage: [...damage.values()] }
}
