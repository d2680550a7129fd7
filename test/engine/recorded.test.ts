import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../../src/define.js'
import { openJournal } from '../../src/index.js'
import { all, note, notes, temporary } from '../support/journal.js'

/** A projection that keeps of each event what `take` makes of it. */
const keeping = (take: (event: RecordedEvent) => unknown) =>
  defineProjection(notes, {
    name: 'kept',
    revision: 1,
    state: z.array(z.any()),
    key: (event) => event.stream,
    initial: (): unknown[] => [],
    on: { 'note.added': (state, event) => [...state, take(event as RecordedEvent)] },
  })

/** What the projection holds when it is folded from the journal, and what a reader sees. */
async function folded(take: (event: RecordedEvent) => unknown): Promise<{ kept: unknown[]; read: unknown[] }> {
  const directory = temporary()
  const projection = keeping(take)
  const options = { events: notes, projections: [projection] }
  const first = await openJournal(directory, options)
  for (let n = 0; n < 30; n++) await first.append('s', [note(`${n} ${'-'.repeat(60_000)}`), { ...note('short'), meta: { actor: 'me' } }])
  await first.close()
  rmSync(join(directory, 'derived'), { recursive: true })
  const again = await openJournal(directory, options)
  onTestFinished(() => again.close())
  return { kept: (await again.view(projection, 's')).state as unknown[], read: await all(again.read('s')) }
}

test.each<[string, (event: RecordedEvent) => unknown]>([
  ['by spreading it', (event) => ({ ...event })],
  ['by structuredClone', (event) => structuredClone(event)],
  ['as JSON', (event) => JSON.parse(JSON.stringify(event)) as unknown],
  ['by its entries', (event) => Object.fromEntries(Object.entries(event))],
])('an event that is folded from the journal is all there for whoever copies it %s', async (_, copy) => {
  const { kept, read } = await folded(copy)
  expect(kept).toEqual(read)
})

test('a fold that keeps an event and looks at its data later finds them, whatever was read in the meantime', async () => {
  const { kept, read } = await folded((event) => event)
  expect(kept.map((event) => ({ ...(event as RecordedEvent) }))).toEqual(read)
})
