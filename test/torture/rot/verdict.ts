/** What a judge of a hurt journal found, and the first thing that is judged: a commit that is shown is one that was written. */
import { isDeepStrictEqual } from 'node:util'
import type { StoredCommit } from '../../../src/storage/commit-store.js'
import { textOf, type Golden } from './golden.js'

export interface Verdict {
  problems: string[]
  noticed: boolean
  /** Positions at the very end that are gone and that nobody speaks of: no problem only where every witness was hurt too. */
  silentEnd: number
}

/** Time of what the judge itself appends. */
export const APPENDED_AT = 1_000_000_000

/** Whether a commit is as it was written, and none of its positions was `seen`. */
export function judgeCommit(golden: Golden, commit: StoredCommit, seen: Set<number>, verdict: Verdict): void {
  if (commit.at !== APPENDED_AT && !isSame(commit, golden.commits.get(commit.position)))
    verdict.problems.push(`${textOf(commit)} was never written`)
  for (let i = 0; i < commit.events.length; i++) {
    if (seen.has(commit.position + i)) verdict.problems.push(`position ${commit.position + i} stands twice`)
    seen.add(commit.position + i)
  }
}

function isSame(found: StoredCommit, wanted: StoredCommit | undefined): boolean {
  return (
    wanted !== undefined &&
    found.position === wanted.position &&
    found.stream === wanted.stream &&
    found.version === wanted.version &&
    found.at === wanted.at &&
    found.commitId === wanted.commitId &&
    found.events.length === wanted.events.length &&
    found.events.every(({ type, schema, flags, data, meta }, i) => {
      const other = wanted.events[i]!
      return (
        type === other.type &&
        schema === other.schema &&
        flags === other.flags &&
        isDeepStrictEqual(data, other.data) &&
        isDeepStrictEqual(meta, other.meta)
      )
    })
  )
}
