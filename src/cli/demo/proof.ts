/** The proof at the end: what is derived goes or rots, and nothing is lost; the journal holds the scripts, and all of it checks. */
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { openJournal, type Recovery, type SnapshotRecord, type VerifyReport } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { played, type Script } from './script.js'
import { allViews, type Views } from './views.js'

export interface Proof {
  /** The views as the runtime left them. */
  views: Views
  /** The snapshot file in which a bit was turned. */
  damaged: string
  /** What the boot after that found. */
  recovery: Recovery
  viewsEqual: boolean
  /** Steps that the journal does not hold as often as it should. */
  astray: string[]
  verify: VerifyReport
}

export async function prove(directory: string, scripts: readonly Script[]): Promise<Proof> {
  const { views, snapshots } = await leave(directory)
  const newest = snapshots.toSorted((a, b) => b.bytes - a.bytes)[0]
  if (newest === undefined) throw new Error('no snapshot was written')
  await rm(join(directory, 'derived'), { recursive: true })
  await turnABit(join(directory, newest.file), newest.bytes)
  await using journal = await openJournal(directory)
  return {
    views,
    damaged: newest.file,
    recovery: journal.recovery,
    viewsEqual: isDeepStrictEqual(await allViews(journal), views),
    astray: await astray(journal, scripts),
    verify: await journal.verify({ snapshots: true }),
  }
}

async function leave(directory: string): Promise<{ views: Views; snapshots: SnapshotRecord[] }> {
  await using journal = await openJournal(directory)
  return { views: await allViews(journal), snapshots: await journal.snapshot() }
}

async function turnABit(path: string, size: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const at = size - 1
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
    await file.write(Buffer.of((buffer[0] as number) ^ 1), 0, 1, at)
  } finally {
    await file.close()
  }
}

/** A step that nothing closes later stands in the journal once; one that does at least once; each time with all its events. */
async function astray(journal: OpenedJournal, scripts: readonly Script[]): Promise<string[]> {
  const wrong: string[] = []
  for (const script of scripts) {
    const found = await recorded(journal, script)
    script.steps.forEach((step, index) => {
      const attempts = [...(found.get(index) ?? [])]
      const often = step.closes === undefined ? attempts.length === 1 : attempts.length > 0
      const whole = attempts.every(([attempt, events]) => events === played(script, index, attempt, false).events.length)
      if (!often || !whole) wrong.push(`${script.session} step ${index} (${step.says}): ${JSON.stringify(attempts)}`)
    })
  }
  return wrong
}

/** For each step, how many events of it each attempt left. */
async function recorded(journal: OpenedJournal, { session, steps }: Script): Promise<Map<number, Map<number, number>>> {
  const found = new Map<number, Map<number, number>>()
  for (const stream of new Set([session, ...steps.map((step) => step.stream)])) {
    for await (const { meta } of journal.read(stream)) {
      if (typeof meta?.['step'] !== 'number') continue
      const attempt = Number(meta['attempt'])
      const attempts = found.get(meta['step']) ?? new Map<number, number>()
      attempts.set(attempt, (attempts.get(attempt) ?? 0) + 1)
      found.set(meta['step'], attempts)
    }
  }
  return found
}
