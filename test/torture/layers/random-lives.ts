/** B: lives of a journal that end anywhere, one after another on one disk. */
import type { Campaign, Layer, Outcome } from '../layer.js'
import { Appending, contents, event, numbers, openStore } from '../../storage/support/journal.js'
import { MemoryFiles } from '../../storage/support/memory-files.js'

export const randomLives: Layer = {
  letter: 'B',
  name: 'random lives of the storage floor',
  unit: 'crash states',
  missing: async () => [],
  run,
}

async function run({ seed, only, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  for (let life = only === undefined ? seed : Number(only); !over(outcome.done); life++) {
    const what = await live(life)
    outcome.done++
    if (what !== undefined) outcome.failures.push({ case: String(life), what })
    if (only !== undefined || outcome.failures.length >= 5) break
    progress(outcome.done)
  }
  return outcome
}

/** Appends, dies without a word, and looks whether all is there. */
async function live(seed: number): Promise<string | undefined> {
  const files = new MemoryFiles()
  const writer = new Appending(await openStore('/journal', { files }))
  const count = 1 + (seed % 5)
  for (let n = 0; n < count; n++) await writer.append('s', [event(n)])
  const store = await openStore('/journal', { files: files.copy() })
  const found = numbers((await contents(store)).commits)
  await store.close()
  await writer.store.close()
  return found.length === count ? undefined : `${found.length} of ${count} commits are left`
}
