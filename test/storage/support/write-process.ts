/** A process of its own that appends numbered events and says what was acknowledged: node write-process.ts <directory> <count> <segmentBytes> */
import { Appending, event, openStore } from './journal.js'

const [directory, count, segmentBytes] = process.argv.slice(2) as [string, string, string]
const store = await openStore(directory, { segmentBytes: Number(segmentBytes) })
const writer = new Appending(store)
for (let n = 0; n < Number(count); n += 5) {
  await Promise.all(Array.from({ length: 5 }, (_, i) => writer.append(`s${(n + i) % 3}`, [event(n + i)], { commitId: `c${n + i}` })))
}
await store.close()
process.stdout.write(`${store.head.position} ${store.head.digest}\n`)
