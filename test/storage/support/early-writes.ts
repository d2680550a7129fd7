/** Whether a writer waits for its syncs: appends that come in all the while, on a disk that takes its time to sync. */
import { setTimeout } from 'node:timers/promises'
import { filesOver, handleOver } from '../../../src/storage/delegate.js'
import { Appending, event, openStore } from './journal.js'
import { MemoryFiles } from './memory-files.js'

/** Segments that are written to while a sync of one is under way. */
export async function earlyWrites(groupBytes: number): Promise<string[]> {
  const memory = new MemoryFiles()
  let syncs = 0
  const early: string[] = []
  const files = filesOver(memory, {
    async open(path, flag) {
      const file = await memory.open(path, flag)
      if (!path.endsWith('.seg')) return file
      return handleOver(file, {
        write: (bytes, offset) => {
          if (syncs > 0) early.push(path)
          return file.write(bytes, offset)
        },
        async datasync() {
          syncs++
          await setTimeout(2)
          syncs--
        },
      })
    },
  })
  const store = await openStore('/journal', { files, segmentBytes: 2000, groupBytes })
  const writer = new Appending(store)
  const appended: Promise<unknown>[] = []
  for (let n = 0; n < 30; n++) {
    appended.push(writer.now(`s${n % 3}`, [event(n, 'added', '.'.repeat(80))], { durability: n % 2 === 0 ? 'os' : 'disk' }))
    if (n % 4 === 0) await setTimeout(1)
  }
  await Promise.all(appended)
  await store.close()
  return early
}
