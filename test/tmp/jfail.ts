import { mkdtempSync, rmSync } from 'node:fs'
import { openNotes, note, failingFiles, type Plan } from '../support/journal-tmp.js'
import { writeSync } from 'node:fs'
const [call, failure, forEver, nth] = process.argv.slice(2)
const plan = { call, failure, forEver: forEver === 'true', nth: Number(nth) } as Plan
const directory = mkdtempSync('/dev/shm/q-')
const files = failingFiles()
const log = (x: string) => writeSync(1, x + '\n')
const journal = await openNotes(directory, { files, segmentBytes: 700 })
await journal.append('s', [note('first')], { commitId: 'first' })
log('armed ' + JSON.stringify(plan))
files.arm(plan)
for (let i = 0; i < 8; i++) await Promise.all([`c${i}`, `d${i}`].map((commitId) => journal.append('s', [note(`${commitId}-1`), note(`${commitId}-2`)], { commitId }).then(() => log(commitId + ' ok'), (e) => log(commitId + ' ' + e.code + ' ' + e.details.outcome))))
log('closing')
await journal.close().catch((e) => log('close ' + e.code))
log('reopen')
const again = await openNotes(directory)
log('reopened')
await Promise.all(Array.from({ length: 8 }, (_, i) => [`c${i}`, `d${i}`]).flat().map((commitId) => again.append('s', [note(`${commitId}-1`), note(`${commitId}-2`)], { commitId })))
log('retried'); await again.close(); log('closed')
rmSync(directory, { recursive: true })
